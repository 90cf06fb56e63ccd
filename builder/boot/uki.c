#include "boot/uki.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include <string.h>

/* EFI names of architectures. */
static const struct {
	const char *arch, *efi;
} archs[] = {{"amd64", "x64"}, {"arm64", "aa64"}};

char *uki_cmdline(const char *root_hash, const char *store_hash, uint64_t epoch, const char *extra)
{
	struct strbuf b = STRBUF_INIT;

	/*
	 * gpt: a damaged first partition table is replaced by its backup. gpt_auto: /init mounts what there is. panic:
	 * one before /init counts as a failed try; /init then says whether a panic may restart the machine.
	 */
	strbuf_addf(&b, "kiln.root=%s kiln.store=%s kiln.epoch=%llu gpt systemd.gpt_auto=no panic=30 quiet", root_hash,
		store_hash, (unsigned long long)epoch);
	if (extra && *extra)
		strbuf_addf(&b, " %s", extra);
	return strbuf_steal(&b);
}

int uki_build(const struct tools *t, const struct uki_spec *s, const char *out, struct err *err)
{
	const char *efi = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(archs); i++)
		if (str_eq(archs[i].arch, s->arch))
			efi = archs[i].efi;
	if (!efi)
		return err_set(err, ERR_CONFIG, "UKI: no stub for architecture \"%s\"", s->arch);
	_cleanup_workdir_ char *dir = tools_workdir(out, err);
	if (!dir)
		return -1;
	_cleanup_free_ char *cmdline = path_join(dir, "cmdline"), *arch = xasprintf("--efi-arch=%s", efi);
	_cleanup_free_ char *uname = xasprintf("--uname=%s", s->version);
	_cleanup_free_ char *stub = xasprintf("--stub=/usr/lib/systemd/boot/efi/linux%s.efi.stub", efi);
	if (path_write(cmdline, s->cmdline, strlen(s->cmdline), 0644, err) < 0)
		return -1;
	const struct ns_bind binds[] = {{.from = s->kernel, .to = "/kiln/linux", .read_only = true},
		{.from = s->initrd, .to = "/kiln/initrd", .read_only = true},
		{.from = s->os_release, .to = "/kiln/os-release", .read_only = true}, {0}};
	const char *argv[] = {"python3", "/usr/bin/ukify", "build", arch, stub, uname, "--linux=/kiln/linux",
		"--initrd=/kiln/initrd", "--cmdline=@cmdline", "--os-release=@/kiln/os-release", "--output=uki", NULL};
	if (tools_run_with(t, dir, binds, argv, NULL, err) < 0)
		return err_wrap(err, "UKI");
	return tools_publish(dir, "uki", out, err);
}
