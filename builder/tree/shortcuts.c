#include "base/hash.h"
#include "base/mem.h"
#include "base/path.h"
#include "tree/session.h"
#include <errno.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRATCH "/tmp/kiln-shortcuts" /* a tmpfs */
enum { SCRIPT_MAX = 1 << 20 };

static const char *const silenced[] = {
	"/usr/sbin/update-initramfs", /* kiln makes its own initrd */
	"/usr/bin/ssh-keygen",	      /* keys are made on the machine */
	"/usr/sbin/make-ssl-cert",    /* so are certificates */
};

/*
 * Text of a script that starts a process or more per certificate, and what does the same within the shell. A script
 * that has another text runs as it is.
 */
static const struct rewrite {
	const char *path, *from, *to;
} rewrites[] = {
	{"/usr/sbin/update-ca-certificates",
		"  PEM=\"$ETCCERTSDIR/$(basename \"$CERT\" .crt | sed -e 's/ /_/g' \\\n"
		"                                                  -e 's/[()]/=/g' \\\n"
		"                                                  -e 's/,/_/g').pem\"\n",
		"  PEM=${CERT##*/}\n"
		"  PEM=${PEM%.crt}\n"
		"  case $PEM in *[\\ \\(\\),]*) PEM=$(echo \"$PEM\" | sed -e 's/ /_/g' -e 's/[()]/=/g' -e 's/,/_/g');; "
		"esac\n"
		"  PEM=\"$ETCCERTSDIR/$PEM.pem\"\n"},
	{"/usr/sbin/update-ca-certificates", "[ \"$(readlink \"$PEM\")\" != \"$CERT\" ]",
		"! [ -L \"$PEM\" ] || ! [ \"$PEM\" -ef \"$CERT\" ]"},
	{"/usr/sbin/update-ca-certificates", "-type l ! -exec test -e {} \\; -print", "-xtype l -print"},
	{"/var/lib/dpkg/info/ca-certificates.config",
		"(echo \"$CERTS_DISABLED\" | grep -F -q -x \"$crt\") > /dev/null 2>&1",
		"case \"\n$CERTS_DISABLED\n\" in *\"\n$crt\n\"*) ;; *) false;; esac"},
	{"/var/lib/dpkg/info/ca-certificates.config",
		"(echo \"$CERTS_TRUST\" | grep -F -q -x \"$crt\") > /dev/null 2>&1",
		"case \"\n$CERTS_TRUST\n\" in *\"\n$crt\n\"*) ;; *) false;; esac"},
};

/* The text of deb-systemd-helper.sh. */
__asm__(".section .rodata\n"
	".global deb_systemd_helper, deb_systemd_helper_end\n"
	"deb_systemd_helper:\n"
	".incbin \"builder/tree/deb-systemd-helper.sh\"\n"
	"deb_systemd_helper_end:\n"
	".previous");
extern const char deb_systemd_helper[], deb_systemd_helper_end[];

/* A program that is replaced as long as it is the one whose workings are known (init-system-helpers 1.69~deb13u1). */
#define HELPER "/usr/bin/deb-systemd-helper"
#define HELPER_SHA256 "a895d5f077651960b6ca4ed9c53f8b36eae422ae170f61c972d0c6579e9f8732"

static int cover(const char *with, const char *path, struct err *err)
{
	return mount(with, path, NULL, MS_BIND, NULL) < 0 ? err_sys(err, errno, "cover %s", path) : 0;
}

/* `text` with the first `from` replaced, or NULL when there is none. */
static char *replaced(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	return at ? xasprintf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) : NULL;
}

/* The rewrites of one script, all or none. */
static int rewrite_script(size_t first, size_t end, struct err *err)
{
	const char *path = rewrites[first].path;
	_cleanup_free_ char *copy = xasprintf(SCRATCH "/%zu", first);

	if (!path_exists(path))
		return 0;
	_cleanup_free_ char *text = path_read(path, SCRIPT_MAX, NULL, err);
	if (!text)
		return -1;
	for (size_t i = first; i < end; i++) {
		char *next = replaced(text, rewrites[i].from, rewrites[i].to);
		if (!next)
			return 0;
		free(text);
		text = next;
	}
	if (path_write(copy, text, strlen(text), 0755, err) < 0)
		return -1;
	return cover(copy, path, err);
}

/* The real one stays in reach for what the short form leaves to it. */
static int replace_helper(struct err *err)
{
	static const char copy[] = SCRATCH "/deb-systemd-helper", brief[] = SCRATCH "/deb-systemd-helper.sh";
	char hex[HASH_HEX];
	size_t len;

	if (!path_exists(HELPER))
		return 0;
	_cleanup_free_ char *text = path_read(HELPER, SCRIPT_MAX, &len, err);
	if (!text)
		return -1;
	hash_bytes(text, len, hex);
	if (strcmp(hex, HELPER_SHA256) != 0)
		return 0;
	/* cppcheck-suppress [comparePointers, subtractPointers] ; both are of one piece of assembly */
	size_t n = (size_t)(deb_systemd_helper_end - deb_systemd_helper);
	if (path_write(copy, text, len, 0755, err) < 0 || path_write(brief, deb_systemd_helper, n, 0755, err) < 0)
		return -1;
	return cover(brief, HELPER, err);
}

int shortcuts_begin(struct err *err)
{
	size_t end;

	if (path_mkdirs(SCRATCH, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(silenced); i++)
		if (path_exists(silenced[i]) && cover("/usr/bin/true", silenced[i], err) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_SIZE(rewrites); i = end) {
		for (end = i + 1; end < ARRAY_SIZE(rewrites) && strcmp(rewrites[end].path, rewrites[i].path) == 0;)
			end++;
		if (rewrite_script(i, end, err) < 0)
			return -1;
	}
	return replace_helper(err);
}

static int uncover(const char *path, struct err *err)
{
	/* EINVAL: it was not covered. */
	if (umount2(path, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
		return err_sys(err, errno, "uncover %s", path);
	return 0;
}

int shortcuts_end(struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(silenced); i++)
		if (uncover(silenced[i], err) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_SIZE(rewrites); i++)
		if (uncover(rewrites[i].path, err) < 0)
			return -1;
	return uncover(HELPER, err) < 0 ? -1 : path_remove(SCRATCH, err);
}
