#include "cmd/subject.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "steps/inputs.h"
#include "tree/namespace.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A raw disk with a GPT, as kiln makes it; formats of emulators are known by how they begin. */
static int check_image(const char *path, struct err *err)
{
	static const struct {
		const char *name, *magic;
	} formats[] = {{"qcow2", "QFI\xfb"}, {"vmdk", "KDMV"}, {"vmdk", "# Disk DescriptorFile"}, {"vhdx", "vhdxfile"},
		{"vpc", "conectix"}};
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char head[520] = "";
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		err_sys(err, errno, "open image %s", path);
		return err->sys == ENOENT ? err_hint(err, "\"kiln build PROFILE\" makes out/NAME.raw") : -1;
	}
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "%s: expected a profile or a disk image, found %s", path,
			S_ISDIR(st.st_mode) ? "a directory" : "something else");
	ssize_t n = pread(fd, head, sizeof head, 0);
	if (n < 0)
		return err_sys(err, errno, "read image %s", path);
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (memcmp(head, formats[i].magic, strlen(formats[i].magic)) != 0)
			continue;
		err_set(err, ERR_USAGE, "%s is a %s image; what kiln boots is a raw one", path, formats[i].name);
		return err_hint(err, "qemu-img convert -f %s -O raw %s disk.raw", formats[i].name, path);
	}
	if (memcmp(head + 512, "EFI PART", 8) != 0)
		return err_set(err, ERR_VERIFY, "%s is no disk image: it has no GPT", path);
	return 0;
}

/* Room for /var on a machine whose disk nobody has stated; in a sparse file it costs nothing. */
#define VAR_ROOM (UINT64_C(8) << 30)

/* The image, where there is one, and beside it a /var for all that volumes want. */
static int default_disk(struct subject *s, struct err *err)
{
	struct stat st = {0};

	if (s->image && stat(s->image, &st) < 0)
		return err_sys(err, errno, "look at %s", s->image);
	s->disk = (uint64_t)st.st_size + (s->a && s->a->disk_data > VAR_ROOM ? s->a->disk_data : VAR_ROOM);
	return 0;
}

/* Those of containers: the machine's own is ssh, which each engine has in its way. */
static unsigned *published(const struct appliance *a)
{
	unsigned *ports = xcalloc(a->published.n + 1, sizeof *ports);
	size_t n = 0;

	for (size_t i = 0; i < a->published.n; i++) {
		const struct publish *p = &a->published.v[i];
		if (p->container && strcmp(p->protocol, "tcp") == 0)
			ports[n++] = p->host_port;
	}
	return ports;
}

int subject_open(struct subject *s, const char *target, struct err *err)
{
	if (str_ends(target, ".yaml") || cmd_is_name(target)) {
		if (!(s->a = cmd_load(target, err)))
			return -1;
		s->profile = s->a->name;
		return 0;
	}
	if (check_image(target, err) < 0)
		return -1;
	s->image = xstrdup(target);
	s->profile = target;
	return 0;
}

int subject_build(struct subject *s, bool trees_only, struct err *err)
{
	_cleanup_lock_ struct lock lock = {0};

	if (!s->a) {
		if (trees_only)
			return err_set(err, ERR_USAGE, "the nspawn engine boots a profile's trees, not an image");
		s->arch = "amd64";
		s->memory = UINT64_C(2) << 30;
		return default_disk(s, err) < 0 ? -1 : cache_open(cmd_globals.cache, ns_remove, &s->cache, err);
	}
	if (ns_check(err) < 0 || cache_open(cmd_globals.cache, ns_remove, &s->cache, err) < 0 ||
		inputs_ready(s->a, s->cache, cmd_globals.offline, &lock, err) < 0)
		return -1;
	struct build_opts opts = {.cache = s->cache,
		.out = cmd_globals.out ? cmd_globals.out : "out",
		.jobs = cmd_globals.jobs,
		.explain = cmd_globals.explain,
		.offline = cmd_globals.offline,
		.trees_only = trees_only};
	if (build_run(s->a, &lock, &opts, &s->built, err) < 0)
		return -1;
	if (!opts.trees_only)
		s->image = xasprintf("%s/%s.raw", opts.out, s->a->name);
	s->arch = s->a->arch;
	s->memory = s->a->machine_memory ? s->a->machine_memory : UINT64_C(2) << 30;
	s->disk = s->a->machine_disk;
	s->cpus = s->a->machine_cpus;
	s->ports = published(s->a);
	return s->disk ? 0 : default_disk(s, err);
}

void subject_release(struct subject *s)
{
	build_result_release(&s->built);
	appliance_free(s->a);
	cache_close(s->cache);
	free(s->image);
	free(s->ports);
}
