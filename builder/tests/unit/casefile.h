/*
 * Several small files in one, for tests: a line "-- PATH --" begins each. casefile_unpack writes them under the working
 * directory, up to the one called `last`, and returns where that begins (or the end of the text).
 */
#pragma once
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include <cmocka.h>
#include <unistd.h>

static inline const char *casefile_unpack(const char *text, const char *last)
{
	_cleanup_err_ struct err err = ERR_INIT;
	const char *p = text;
	while (str_starts(p, "-- ")) {
		const char *end = strstr(p, " --\n");
		assert_non_null(end);
		_cleanup_free_ char *name = xstrndup(p + 3, (size_t)(end - p - 3));
		const char *body = end + 4;
		const char *next = str_starts(body, "-- ") ? body - 1 : strstr(body, "\n-- ");
		size_t len = next ? (size_t)(next + 1 - body) : strlen(body);
		if (last && str_eq(name, last))
			return p;
		_cleanup_free_ char *dir = path_dir(name);
		assert_int_equal(path_mkdirs(dir, &err), 0);
		assert_int_equal(path_write(name, body, len, 0644, &err), 0);
		p = body + len;
	}
	return p;
}

/* A scratch directory, entered; casefile_leave goes back and removes it. */
struct casefile_dir {
	char *dir, *before;
};
static inline struct casefile_dir casefile_enter(void)
{
	_cleanup_err_ struct err err = ERR_INIT;
	const char *tmp = getenv("TMPDIR");
	struct casefile_dir d = {
		.dir = path_tempdir(tmp ? tmp : "/tmp", "kiln-case-", &err), .before = getcwd(NULL, 0)};
	assert_non_null(d.dir);
	assert_non_null(d.before);
	assert_int_equal(chdir(d.dir), 0);
	return d;
}
static inline void casefile_leave(struct casefile_dir *d)
{
	_cleanup_err_ struct err err = ERR_INIT;
	assert_int_equal(chdir(d->before), 0);
	assert_int_equal(path_remove(d->dir, &err), 0);
	free(d->dir);
	free(d->before);
}
