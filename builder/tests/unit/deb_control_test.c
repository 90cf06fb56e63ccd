/* Control paragraphs, configuration files, triggers: dpkg's texts in and out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/path.h"
#include "deb/control.h"
#include "deb/status.h"
#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>

static void paragraphs(void **state)
{
	static const char text[] = "Package: a\nDescription: first\n second\n .\n\tthird\n# a comment\nEmpty:\n\n\n "
				   "\nPackage: b\r\nVersion:1\n";
	_cleanup_err_ struct err e = ERR_INIT;
	struct control_file f;

	(void)state;
	assert_int_equal(control_parse(text, strlen(text), "t", &f, &e), 0);
	assert_int_equal(f.paras.n, 2);
	assert_string_equal(control_get(&f.paras.v[0], "description"), "first\n second\n .\n\tthird");
	assert_string_equal(control_get(&f.paras.v[0], "Empty"), "");
	assert_null(control_get(&f.paras.v[0], "Version"));
	assert_string_equal(control_get(&f.paras.v[1], "Package"), "b");
	assert_string_equal(control_get(&f.paras.v[1], "VERSION"), "1");
	control_release(&f);
	assert_int_equal(control_parse("", 0, "t", &f, &e), 0);
	assert_int_equal(f.paras.n, 0);
	control_release(&f);
}

static void refuse(const char *text, size_t len, const char *message)
{
	_cleanup_err_ struct err e = ERR_INIT;
	struct control_file f;

	assert_int_equal(control_parse(text, len, "control", &f, &e), -1);
	assert_int_equal(e.kind, ERR_VERIFY);
	assert_string_equal(e.msg, message);
}

static void bad_paragraphs(void **state)
{
	(void)state;
	refuse("Package: a\nnonsense\n", 20, "control:2: expected \"Field: value\"");
	refuse(" continued\n", 11, "control:1: a continued line without a field");
	refuse("A: b\n\n c\n", 9, "control:3: a continued line without a field");
	refuse("A: b\nB: c\na: d\n", 15, "control:3: field a is given twice");
	refuse("A: b\0c\n", 7, "control:1: a NUL byte");
	refuse("-A: b\n", 6, "control:1: expected \"Field: value\"");
	refuse("A b: c\n", 7, "control:1: expected \"Field: value\"");
	refuse(": c\n", 4, "control:1: expected \"Field: value\"");
}

static void names(void **state)
{
	(void)state;
	assert_true(control_is_package("libstdc++6"));
	assert_true(control_is_package("0ad"));
	assert_false(control_is_package("a"));
	assert_false(control_is_package("../x"));
	assert_false(control_is_package("Upper"));
	assert_false(control_is_package("a/b"));
	assert_false(control_is_package(NULL));
	assert_true(control_is_version("1:2.3~rc1+dfsg-4"));
	assert_false(control_is_version("1 2"));
	assert_false(control_is_version("../1"));
	assert_true(control_is_arch("kfreebsd-amd64"));
	assert_false(control_is_arch("am/d64"));
}

static void status_paragraph(void **state)
{
	static const char text[] = "Package: a\nVersion: 1\nDescription: d\n more\n";
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_strvec_ struct strvec conf = STRVEC_INIT;
	struct control_file f;

	(void)state;
	assert_int_equal(control_parse(text, strlen(text), "t", &f, &e), 0);
	strvec_add(&conf, "/etc/a 900150983cd24fb0d6963f7d28e17f72");
	status_add(&out, &f.paras.v[0], "install ok unpacked", &conf);
	assert_string_equal(out.s,
		"Package: a\nStatus: install ok unpacked\nVersion: 1\nDescription: d\n more\nConffiles:\n"
		" /etc/a 900150983cd24fb0d6963f7d28e17f72\n\n");
	control_release(&f);
}

static void configuration_files(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_strvec_ struct strvec conf = STRVEC_INIT;
	_cleanup_free_ char *dir = path_tempdir(getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", "kiln-conf-", &e);
	_cleanup_free_ char *member = path_join(dir, "conffiles"), *etc = path_join(dir, "etc"),
			    *a = path_join(dir, "etc/a");

	(void)state;
	assert_int_equal(status_conffiles(member, dir, &conf, &e), 0); /* no such member */
	assert_int_equal(conf.n, 0);
	assert_int_equal(path_mkdirs(etc, &e), 0);
	assert_int_equal(path_write(a, "abc", 3, 0644, &e), 0);
	assert_int_equal(path_write(member, "/etc/a\nremove-on-upgrade /etc/old\n", 34, 0644, &e), 0);
	assert_int_equal(status_conffiles(member, dir, &conf, &e), 0);
	assert_int_equal(conf.n, 2);
	assert_string_equal(conf.v[0], "/etc/a 900150983cd24fb0d6963f7d28e17f72");
	assert_string_equal(conf.v[1], "/etc/old newconffile remove-on-upgrade");

	static const char *const bad[][2] = {
		{"etc/a\n", ":1: expected an absolute path"}, {"/etc/a\n/etc/../a\n", ":2: expected an absolute path"}};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_free_ char *want = xasprintf("%s%s", member, bad[i][1]);
		assert_int_equal(path_write(member, bad[i][0], strlen(bad[i][0]), 0644, &e), 0);
		assert_int_equal(status_conffiles(member, dir, &conf, &e), -1);
		assert_string_equal(e.msg, want);
	}
	assert_int_equal(path_write(member, "/etc/none\n", 10, 0644, &e), 0);
	assert_int_equal(status_conffiles(member, dir, &conf, &e), -1);
	_cleanup_free_ char *want =
		xasprintf("%s names /etc/none: read %s/etc/none: No such file or directory", member, dir);
	assert_string_equal(e.msg, want);
	assert_int_equal(path_remove(dir, &e), 0);
}

static void triggers(void **state)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_strvec_ struct strvec seen = STRVEC_INIT;
	struct trigger_list t = {0};

	(void)state;
	triggers_parse(
		"# c\ninterest /usr/share/man\ninterest-noawait ldconfig\ninterest-await x\nactivate y\nbroken\n", &t);
	assert_int_equal(t.interests.n, 3);
	assert_string_equal(t.interests.v[0].name, "/usr/share/man");
	assert_false(t.interests.v[0].noawait);
	assert_true(t.interests.v[1].noawait);
	triggers_release(&t);

	static const char file[] = "/usr/share/man man-db\n/usr/lib/x p/noawait\n/etc/init.d q\n";
	triggers_touched(file, "/.\n/usr/share/manual\n/usr/lib/x\n", &seen, &out);
	assert_string_equal(out.s, "/usr/lib/x -\n");
	triggers_touched(file, "/usr/share/man/man1/a.gz\n/usr/lib/x\n", &seen, &out);
	assert_string_equal(out.s, "/usr/lib/x -\n/usr/share/man -\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paragraphs),
		cmocka_unit_test(bad_paragraphs),
		cmocka_unit_test(names),
		cmocka_unit_test(status_paragraph),
		cmocka_unit_test(configuration_files),
		cmocka_unit_test(triggers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
