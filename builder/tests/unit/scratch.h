/*
 * One scratch directory for a test program, or for each test: `dir`, made by scratch_setup, removed with all owners by
 * scratch_teardown (cmocka fixtures).
 */
#pragma once
#include "base/mem.h"
#include "base/path.h"
#include "tree/namespace.h"

static char *dir;
static struct arena scratch_arena;

static inline int scratch_setup(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;
	const char *tmp = getenv("TMPDIR");

	(void)state;
	dir = path_tempdir(tmp ? tmp : "/tmp", "kiln-test-", &e);
	if (!dir)
		fprintf(stderr, "%s\n", e.msg);
	return dir ? 0 : -1;
}

static inline int scratch_teardown(void **state)
{
	_cleanup_err_ struct err e = ERR_INIT;
	int r = ns_remove(dir, &e);

	(void)state;
	if (r < 0)
		fprintf(stderr, "%s\n", e.msg);
	free(steal(dir));
	arena_release(&scratch_arena);
	return r;
}

/* A path in it, good until the end of the fixture. */
static inline const char *scratch_path(const char *name)
{
	return arena_printf(&scratch_arena, "%s/%s", dir, name);
}
