/* Check values of the CRC catalogues, base64 of RFC 4648. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base64.h"
#include "base/crc.h"
#include "base/mem.h"
#include <cmocka.h>
#include <string.h>

static void check_values(void **state)
{
	(void)state;
	assert_int_equal(crc32_ieee(0, "123456789", 9), 0xCBF43926);
	assert_true(crc64_iso(0, "123456789", 9) == 0xB90956C775A41001ULL);
	assert_int_equal(crc32_ieee(0, "", 0), 0);
	assert_true(crc64_iso(0, "", 0) == 0);
}

/* In any pieces the result is that of the whole. */
static void pieces(void **state)
{
	(void)state;
	uint8_t data[200];
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 7 + i / 3);
	for (size_t cut = 0; cut <= sizeof data; cut++) {
		uint32_t a = crc32_ieee(crc32_ieee(0, data, cut), data + cut, sizeof data - cut);
		uint64_t b = crc64_iso(crc64_iso(0, data, cut), data + cut, sizeof data - cut);
		assert_int_equal(a, crc32_ieee(0, data, sizeof data));
		assert_true(b == crc64_iso(0, data, sizeof data));
	}
}

static void base64_vectors(void **state)
{
	(void)state;
	static const char *const want[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
	for (size_t n = 0; n < ARRAY_SIZE(want); n++) {
		_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
		base64_add(&b, "foobar", n);
		assert_string_equal(strbuf_cstr(&b), want[n]);
	}
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	base64_add(&b, "\xfb\xff\xfe", 3);
	assert_string_equal(b.s, "+//+");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_values), cmocka_unit_test(pieces), cmocka_unit_test(base64_vectors)};
	return cmocka_run_group_tests_name("crc", tests, NULL, NULL);
}
