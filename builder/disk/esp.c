#include "disk/esp.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "disk/guid.h"
#include "disk/layout.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define LOADER_CONF "timeout 0\neditor no\n"

/* Names by architecture (UEFI 2.10, 3.5.1.1; systemd-boot(7)). */
static const struct esp_arch {
	const char *arch, *boot, *loader;
} archs[] = {
	{"amd64", "BOOTX64.EFI", "systemd-bootx64.efi"},
	{"arm64", "BOOTAA64.EFI", "systemd-bootaa64.efi"},
};

static const struct esp_arch *find_arch(const char *arch, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++)
		if (str_eq(archs[i].arch, arch))
			return &archs[i];
	err_set(err, ERR_CONFIG, "ESP: no boot loader for architecture \"%s\"", arch);
	return NULL;
}

static int make_image(const struct tools *t, const char *dir, uint64_t size, const char *key, struct err *err)
{
	_cleanup_free_ char *file = path_join(dir, "esp");
	_cleanup_fd_ int fd = open(file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
	struct guid id = guid_derive(key, "esp volume");
	char volume[9];

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		return err_sys(err, errno, "make %s", file);
	snprintf(volume, sizeof volume, "%02x%02x%02x%02x", id.b[0], id.b[1], id.b[2], id.b[3]);
	const char *argv[] = {
		"mkfs.vfat", "--invariant", "-F", "32", "-S", "512", "-i", volume, "-n", "ESP", "esp", NULL};
	return tools_run(t, dir, argv, NULL, err) < 0 ? -1 : 0;
}

static int copy_in(const struct tools *t, const char *dir, const char *from, const char *to, struct err *err)
{
	const struct ns_bind binds[] = {{.from = from, .to = "/kiln/in", .read_only = true}, {0}};
	const char *argv[] = {"mcopy", "-i", "esp", "/kiln/in", to, NULL};

	return tools_run_with(t, dir, binds, argv, NULL, err) < 0 ? err_wrap(err, "ESP: copy %s", from) : 0;
}

static int fill(const struct tools *t, const struct esp_spec *s, const char *dir, struct err *err)
{
	const struct esp_arch *a = find_arch(s->arch, err);
	if (!a)
		return -1;
	_cleanup_free_ char *in_tree = xasprintf("usr/lib/systemd/boot/efi/%s", a->loader);
	_cleanup_free_ char *loader = tree_file(t->lowers, in_tree, err);
	if (!loader)
		return err_wrap(err, "ESP: systemd-boot of the tools tree");
	_cleanup_free_ char *conf = path_join(dir, "loader.conf");
	if (path_write(conf, LOADER_CONF, strlen(LOADER_CONF), 0644, err) < 0)
		return -1;
	const char *mmd[] = {
		"mmd", "-i", "esp", "::/EFI", "::/EFI/BOOT", "::/EFI/systemd", "::/EFI/Linux", "::/loader", NULL};
	if (tools_run(t, dir, mmd, NULL, err) < 0)
		return -1;
	_cleanup_free_ char *boot = xasprintf("::/EFI/BOOT/%s", a->boot);
	_cleanup_free_ char *sd = xasprintf("::/EFI/systemd/%s", a->loader);
	_cleanup_free_ char *uki = xasprintf("::/EFI/Linux/%s+%d.efi", s->label, ESP_TRIES);
	if (copy_in(t, dir, loader, boot, err) < 0 || copy_in(t, dir, loader, sd, err) < 0 ||
		copy_in(t, dir, conf, "::/loader/loader.conf", err) < 0 || copy_in(t, dir, s->uki, uki, err) < 0)
		return -1;
	return 0;
}

int esp_build(const struct tools *t, const struct esp_spec *spec, const char *out, struct err *err)
{
	_cleanup_workdir_ char *dir = tools_workdir(out, err);

	if (!dir || make_image(t, dir, spec->size ? spec->size : LAYOUT_ESP, spec->key, err) < 0 ||
		fill(t, spec, dir, err) < 0)
		return -1;
	return tools_publish(dir, "esp", out, err);
}
