/* The OS tree's own share of what the profile says: its name and version, the clock, ssh keys, masked and enabled
 * units. */
#include "base/str.h"
#include "wire/parts.h"

/* os-release(5); IMAGE_ID and IMAGE_VERSION are what systemd-sysupdate compares. */
static void os_release(const struct appliance *a, const struct wire_facts *f, struct wire_files *w)
{
	_cleanup_free_ char *text = xasprintf("NAME=\"kiln\"\n"
					      "PRETTY_NAME=\"kiln %s %s (Debian %s)\"\n"
					      "ID=kiln\n"
					      "ID_LIKE=debian\n"
					      "VERSION_ID=\"%s\"\n"
					      "VERSION_CODENAME=%s\n"
					      "IMAGE_ID=%s\n"
					      "IMAGE_VERSION=%s\n"
					      "DEFAULT_HOSTNAME=%s\n",
		a->name, f->version, a->suite, f->version, a->suite, a->name, f->version, a->name);
	wire_add_text(w, "/usr/lib/os-release", 0644, text);
}

static void ssh_keys(const struct appliance *a, struct wire_files *w)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	for (size_t i = 0; i < a->ssh_keys.n; i++)
		strbuf_addf(&b, "%s\n", a->ssh_keys.v[i]);
	if (b.len)
		wire_add_text(w, "/etc/ssh/kiln_authorized_keys", 0644, b.s);
}

int wire_os(const struct appliance *a, const struct wire_facts *f, struct wire_files *w, struct err *err)
{
	(void)err;
	os_release(a, f, w);
	ssh_keys(a, w);
	/* systemd never lets the clock start before this file's time. */
	wire_add_text(w, "/usr/lib/clock-epoch", 0644, "");
	return 0;
}
