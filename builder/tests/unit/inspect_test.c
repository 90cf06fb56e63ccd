/* What is read out of an image: texts that may be hostile, and images that lean on other files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/mem.h"
#include "guest/guest.h"
#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void check(json_t *j, const char *want)
{
	assert_non_null(j);
	_cleanup_free_ char *text = json_compact(j);
	json_decref(j);
	assert_string_equal(text, want);
}

static void test_os_release(void **state)
{
	(void)state;
	check(guest_parse_os_release(
		      "NAME=\"kiln\"\nVERSION_ID='13'\n# x\nlower=no\nID=kiln\nEMPTY=\nBROKEN\nQ=\"\n=x\n"),
		"{\"empty\":\"\",\"id\":\"kiln\",\"name\":\"kiln\",\"q\":\"\\\"\",\"version_id\":\"13\"}");
	check(guest_parse_os_release("NAME=\xff\xfe"), "{\"name\":\"(not UTF-8)\"}");
	check(guest_parse_os_release(""), "{}");
}

static void test_dpkg(void **state)
{
	(void)state;
	check(guest_parse_dpkg_status("Package: a\nStatus: install ok installed\nVersion: 1:2-3\nArchitecture: amd64\n"
				      "Description: x\n more\n Package: not this\n\n\n"
				      "Package: removed\nStatus: deinstall ok config-files\nVersion: 1\n\n"
				      "Package: half\nStatus: install ok not-installed\nVersion: 1\n\n"
				      "Status: install ok installed\n\n"
				      "package: b\nstatus: hold ok installed"),
		"[{\"arch\":\"amd64\",\"name\":\"a\",\"version\":\"1:2-3\"},{\"arch\":null,\"name\":\"b\",\"version\":"
		"null}]");
	check(guest_parse_dpkg_status("\n\n\n"), "[]");
}

static void test_images(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	const char two[] =
		"[{\"id\":\"abc\",\"names\":[\"a:1\",\"b:2\"]},{\"id\":\"d\",\"names\":null},7,{\"names\":[3]}]";

	(void)state;
	check(guest_parse_images(two, strlen(two), &err),
		"[{\"id\":\"abc\",\"name\":\"a:1\"},{\"id\":\"abc\",\"name\":\"b:2\"},{\"id\":null,\"name\":3}]");
	assert_null(guest_parse_images("[", 1, &err));
	assert_non_null(strstr(err.msg, "images.json:1:"));
}

static const char *format_of(const uint8_t *head, size_t n, struct err *err)
{
	_cleanup_fd_ int fd = memfd_create("image", MFD_CLOEXEC);

	assert_int_equal(write(fd, head, n), n);
	return guest_format(fd, "x.img", err);
}

static void test_format(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	uint8_t h[104] = {'Q', 'F', 'I', 0xfb, 0, 0, 0, 3};

	(void)state;
	assert_string_equal(format_of(h, sizeof h, &err), "qcow2");
	assert_string_equal(format_of((const uint8_t *)"abc", 3, &err), "raw");
	h[79] = 4;
	assert_null(format_of(h, sizeof h, &err));
	assert_string_equal(err.msg, "x.img: this qcow2 image names another file that holds its data");
	h[79] = 0;
	h[14] = 2;
	assert_null(format_of(h, sizeof h, &err));
	assert_int_equal(err.kind, ERR_VERIFY);
}

static void test_refused(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;

	(void)state;
	assert_null(guest_inspect("/nonexistent", NULL, &err));
	assert_string_equal(err.msg, "inspect /nonexistent: No such file or directory");
	assert_string_equal(err.hint, "\"kiln build PROFILE\" makes out/NAME.raw");
	assert_null(guest_inspect("/", NULL, &err));
	assert_string_equal(err.msg, "inspect /: not a disk image");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_os_release),
		cmocka_unit_test(test_dpkg),
		cmocka_unit_test(test_images),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
