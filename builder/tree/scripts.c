#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "tree/session.h"
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define DPKG "/var/lib/dpkg"
#define POLICY "/usr/sbin/policy-rc.d"

/* What the scripts of other packages take for granted, configured before them and in this order. */
static const char *const bootstrap[] = {"base-passwd", "base-files", "libc6", "dpkg", "mawk"};
static const char *const environment[][2] = {{"DEBIAN_FRONTEND", "noninteractive"},
	{"DEBCONF_NONINTERACTIVE_SEEN", "true"}, {"DEBCONF_NOWARNINGS", "yes"}, {"UCF_FORCE_CONFFOLD", "1"},
	{"SYSTEMD_OFFLINE", "1"}, {"PYTHONHASHSEED", "0"}, {"DPKG_COLORS", "never"}};

static int run(const struct session *s, const char *const *argv, int in, struct err *err)
{
	struct proc_opts o = {.log_fd = s->log, .in = in, .cwd = "/"};

	return proc_run(argv, &o, err) < 0 ? -1 : 0;
}

static const struct package *named(const struct session *s, const char *name)
{
	for (size_t i = 0; i < s->l->pkgs.n; i++)
		if (strcmp(s->l->pkgs.v[i].name, name) == 0)
			return &s->l->pkgs.v[i];
	return NULL;
}

static void set_environment(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(environment); i++)
		setenv(environment[i][0], environment[i][1], 1);
}

static int preinst(const struct session *s, const struct package *p, struct err *err)
{
	_cleanup_free_ char *control = xasprintf("/kiln-unpacked/%s/control", p->deb->sha256);

	setenv("DPKG_MAINTSCRIPT_PACKAGE", p->name, 1);
	setenv("DPKG_MAINTSCRIPT_ARCH", p->arch, 1);
	/* Where dpkg has the control members at that time; debconf looks there for the package's name. */
	if (symlink(control, DPKG "/tmp.ci") < 0)
		return err_sys(err, errno, "make %s/tmp.ci", DPKG);
	if (run(s, (const char *const[]){DPKG "/tmp.ci/preinst", "install", NULL}, 0, err) < 0)
		return err_wrap(err, "preinst of %s %s", p->name, p->version);
	return unlink(DPKG "/tmp.ci") < 0 ? err_sys(err, errno, "remove %s/tmp.ci", DPKG) : 0;
}

int scripts_preinst(const struct session *s, struct err *err)
{
	const struct package *first = named(s, bootstrap[0]); /* makes the user database */
	int rc = 0;

	set_environment();
	setenv("DPKG_ADMINDIR", DPKG, 1);
	setenv("DPKG_ROOT", "", 1);
	setenv("DPKG_MAINTSCRIPT_NAME", "preinst", 1);
	setenv("DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT", "1", 1);
	setenv("DPKG_RUNNING_VERSION", "1.22.0", 1);
	setenv("PERL_DL_NONLAZY", "1", 1);
	if (first && first->has_preinst)
		rc = preinst(s, first, err);
	for (size_t i = 0; rc == 0 && i < s->l->pkgs.n; i++) {
		const struct package *p = &s->l->pkgs.v[i];
		if (p->has_preinst && !p->by_dpkg && p != first)
			rc = preinst(s, p, err);
	}
	return rc;
}

static int preseed(const struct session *s, struct err *err)
{
	const struct str_list *list = &s->job->spec->debconf;
	_cleanup_fd_ int fd = memfd_create("debconf", MFD_CLOEXEC);

	if (!list->n)
		return 0;
	for (size_t i = 0; i < list->n; i++)
		if (fd < 0 || fd_write_all(fd, list->v[i], strlen(list->v[i])) < 0 || fd_write_all(fd, "\n", 1) < 0)
			return err_sys(err, errno, "write debconf answers");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "write debconf answers");
	return run(s, (const char *const[]){"debconf-set-selections", NULL}, fd, err);
}

/* Essential packages of a tree from nothing: their scripts need one another. */
static int configure_first(const struct session *s, struct err *err)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;

	strvec_addl(&argv, "dpkg", "--force-unsafe-io", "--force-depends", "--configure", NULL);
	size_t n = argv.n;
	for (size_t i = 0; i < ARRAY_SIZE(bootstrap); i++) {
		const struct package *p = named(s, bootstrap[i]);
		if (p)
			strvec_addf(&argv, "%s:%s", p->name, p->arch);
	}
	if (argv.n == n)
		return 0;
	return run(s, (const char *const *)argv.v, 0, err);
}

/* Those that divert files of others. compose.c has bound their archives to /kiln-debs/N. */
static int unpack_by_dpkg(const struct session *s, struct err *err)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;

	strvec_addl(&argv, "dpkg", "--force-unsafe-io", "--force-depends", "--force-confold", "--unpack", NULL);
	size_t n = argv.n;
	for (size_t i = 0; i < s->l->pkgs.n; i++)
		if (s->l->pkgs.v[i].by_dpkg)
			strvec_addf(&argv, "/kiln-debs/%zu", i);
	return argv.n == n ? 0 : run(s, (const char *const *)argv.v, 0, err);
}

static int configure_all(const struct session *s, struct err *err)
{
	static const char *const argv[] = {"dpkg", "--force-unsafe-io", "--force-confold", "--configure", "-a", NULL};

	if (configure_first(s, err) < 0 || preseed(s, err) < 0 || shortcuts_begin(err) < 0 ||
		unpack_by_dpkg(s, err) < 0 || run(s, argv, 0, err) < 0)
		return -1;
	return shortcuts_end(err);
}

int scripts_configure(const struct session *s, struct err *err)
{
	static const char deny[] = "#!/bin/sh\nexit 101\n"; /* "action forbidden": no service is started */
	bool own_policy = !path_exists(POLICY);

	set_environment();
	if (own_policy && path_write(POLICY, deny, sizeof deny - 1, 0755, err) < 0)
		return -1;
	if (configure_all(s, err) < 0)
		return -1;
	if (own_policy && unlink(POLICY) < 0)
		return err_sys(err, errno, "remove %s", POLICY);
	return database_check(err);
}
