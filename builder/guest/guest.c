#include "guest/guest.h"
#include "base/gptread.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "guest/library.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define OS_RELEASE "/usr/lib/os-release"
#define DPKG_STATUS "/var/lib/dpkg/status"
#define MACHINE "/usr/lib/kiln/machine.json"
#define IMAGES "/overlay-images/images.json"

struct inspection {
	struct library lib;
	guestfs_h *g;
	const char *image;
	json_t *out; /* what is known so far */
};

static void inspection_release(struct inspection *in)
{
	if (in->g)
		in->lib.close(in->g);
	library_release(&in->lib);
	json_decref(in->out);
}

static int failed(const struct inspection *in, const char *doing, struct err *err)
{
	const char *why = in->lib.last_error(in->g);

	return err_set(err, ERR_TOOL, "inspect %s: %s: %s", in->image, doing, why ? why : "no reason given");
}

static int start(struct inspection *in, const char *format, bool tcg, struct err *err)
{
	in->g = in->lib.create();
	if (!in->g)
		return err_set(err, ERR_TOOL, "inspect: libguestfs gives no handle");
	in->lib.set_error_handler(in->g, NULL, NULL); /* it would print */
	/* "direct" runs QEMU itself: no libvirt daemon. */
	if (in->lib.set_backend(in->g, "direct") < 0 ||
		(tcg && in->lib.set_backend_setting(in->g, "force_tcg", "1") < 0))
		return failed(in, "set up libguestfs", err);
	if (in->lib.add_drive_opts(in->g, in->image, DRIVE_READONLY, 1, DRIVE_FORMAT, format, DRIVE_END) < 0)
		return failed(in, "add the image", err);
	if (in->lib.launch(in->g) == 0)
		return 0;
	failed(in, "start libguestfs's machine", err);
	return err_hint(
		err, "it needs QEMU and a kernel in /boot; `libguestfs-test-tool` (package guestfs-tools) tells more");
}

static json_t *read_json(struct inspection *in, const char *path)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	size_t len = 0;

	if (in->lib.is_file(in->g, path) != 1)
		return NULL;
	_cleanup_free_ char *text = in->lib.read_file(in->g, path, &len);
	return text ? json_parse(text, len, path, &ignored) : NULL;
}

/* The file's text, NUL-terminated, or NULL. */
static char *read_text(struct inspection *in, const char *path, size_t *len)
{
	if (in->lib.is_file(in->g, path) != 1)
		return NULL;
	_cleanup_free_ char *raw = in->lib.read_file(in->g, path, len);
	return raw ? xstrndup(raw, *len) : NULL;
}

static void look_at_os(struct inspection *in)
{
	size_t len = 0;
	_cleanup_free_ char *release = read_text(in, OS_RELEASE, &len);
	if (!release)
		return;
	json_object_set_new(in->out, "os", guest_parse_os_release(release));
	_cleanup_free_ char *status = read_text(in, DPKG_STATUS, &len);
	if (status)
		json_object_set_new(in->out, "packages", guest_parse_dpkg_status(status));
	_cleanup_json_ json_t *machine = read_json(in, MACHINE), *services = json_array();
	json_t *service;
	size_t i;
	if (!machine)
		return;
	json_array_foreach(json_object_get(machine, "services"), i, service)
	{
		json_array_append(services, json_object_get(service, "name"));
	}
	json_object_set_new(in->out, "appliance",
		json_pack("{s:O?, s:O?, s:O}", "name", json_object_get(machine, "name"), "version",
			json_object_get(machine, "version"), "services", services));
}

/* The store's file system has podman's tree in containers/; a store alone has it at the top. */
static int look_at_store(struct inspection *in, struct err *err)
{
	static const char *const places[] = {"/containers" IMAGES, IMAGES};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		size_t len = 0;
		_cleanup_free_ char *text = read_text(in, places[i], &len);
		if (!text)
			continue;
		json_t *images = guest_parse_images(text, len, err);
		if (!images)
			return -1;
		json_array_extend(json_object_get(in->out, "containers"), images);
		json_decref(images);
	}
	return 0;
}

static int look_at_file_system(struct inspection *in, const char *partition, const char *type, struct err *err)
{
	static const char *const readable[] = {"squashfs", "ext4", "ext3", "ext2", "xfs", "btrfs", "erofs"};
	bool known = false;

	for (size_t i = 0; type && i < ARRAY_SIZE(readable); i++)
		known |= strcmp(type, readable[i]) == 0;
	if (!known || in->lib.mount_ro(in->g, partition, "/") < 0)
		return 0;
	look_at_os(in);
	int r = look_at_store(in, err);
	if (in->lib.umount_all(in->g) < 0 && r == 0)
		return failed(in, "unmount", err);
	return r;
}

static json_t *guid_text(const uint8_t g[16])
{
	return json_sprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", g[0], g[1], g[2],
		g[3], g[4], g[5], g[6], g[7], g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]);
}

/*
 * The disk's GPT, by our own reader: libguestfs would start a program or two for each name and UUID. A few KiB from the
 * start, in a file of the disk's size that is otherwise empty.
 */
static void read_table(struct inspection *in, const char *disk, struct gpt *ret)
{
	int64_t size = in->lib.blockdev_getsize64(in->g, disk);
	size_t n = 0;
	_cleanup_free_ char *head = in->lib.pread_device(in->g, disk, 64 << 10, 0, &n);
	_cleanup_fd_ int fd = memfd_create("table", MFD_CLOEXEC);

	*ret = (struct gpt){0};
	if (size <= 0 || !head || fd < 0 || ftruncate(fd, size) < 0 || pwrite(fd, head, n, 0) != (ssize_t)n ||
		gpt_read(fd, 512, (uint64_t)size, ret) < 0)
		ret->n = 0;
}

static int look_at_partition(struct inspection *in, const char *partition, const struct gpt *table, struct err *err)
{
	_cleanup_free_ char *type = in->lib.vfs_type(in->g, partition);
	int number = in->lib.part_to_partnum(in->g, partition);
	json_t *p = json_pack("{s:i, s:I, s:o}", "number", number, "size",
		(json_int_t)in->lib.blockdev_getsize64(in->g, partition), "content",
		type && *type ? json_string(type) : json_null());

	json_array_append_new(json_object_get(in->out, "partitions"), p);
	for (size_t i = 0; i < table->n; i++) {
		const struct part *t = &table->v[i];
		if ((int)t->number != number)
			continue;
		json_object_set_new(p, "label", json_string(t->label));
		json_object_set_new(p, "type", guid_text(t->type));
		json_object_set_new(p, "uuid", guid_text(t->uuid));
	}
	return look_at_file_system(in, partition, type, err);
}

static int look_everywhere(struct inspection *in, struct err *err)
{
	char **partitions = in->lib.list_partitions(in->g);
	struct gpt table = {0};
	int r = 0;

	if (!partitions)
		return failed(in, "list the partitions", err);
	_cleanup_free_ char *disk = partitions[0] ? in->lib.part_to_dev(in->g, partitions[0]) : NULL;
	if (disk)
		read_table(in, disk, &table);
	for (size_t i = 0; partitions[i]; i++) {
		if (r == 0)
			r = look_at_partition(in, partitions[i], &table, err);
		free(partitions[i]);
	}
	free(partitions);
	return r;
}

json_t *guest_inspect(const char *image, const struct guest_opts *opts, struct err *err)
{
	struct inspection in __attribute__((cleanup(inspection_release))) = {.image = image};
	_cleanup_fd_ int fd = open(image, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		err_sys(err, errno, "inspect %s", image);
		if (err->sys == ENOENT)
			err_hint(err, "\"kiln build PROFILE\" makes out/NAME.raw");
		return NULL;
	}
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
		err_set(err, ERR_USAGE, "inspect %s: not a disk image", image);
		return NULL;
	}
	const char *format = guest_format(fd, image, err);
	if (str_eq(format, "raw") && S_ISREG(st.st_mode) && (st.st_size == 0 || st.st_size % 512)) {
		err_set(err, ERR_VERIFY, "inspect %s: no disk image: its size is not in whole sectors", image);
		return NULL;
	}
	if (!format || library_load(&in.lib, err) < 0)
		return NULL;
	in.out = json_pack("{s:s, s:s, s:I, s:[], s:n, s:n, s:[], s:[]}", "image", image, "format", format, "size",
		(json_int_t)st.st_size, "partitions", "os", "appliance", "packages", "containers");
	if (start(&in, format, opts && opts->tcg, err) < 0 || look_everywhere(&in, err) < 0)
		return NULL;
	return steal(in.out);
}
