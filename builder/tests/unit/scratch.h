/*
 * One scratch directory for a test program, or for each test: `dir`, made by scratch_setup, removed with all owners by
 * scratch_teardown (cmocka fixtures), which sees that nothing was done outside of it.
 */
#pragma once
#include "base/mem.h"
#include "base/path.h"
#include "outside.h"
#include "tree/namespace.h"

static char *dir;
static struct arena scratch_arena;

static inline int scratch_setup(void **state)
{
	(void)state;
	dir = outside_begin("kiln-test-");
	return dir ? 0 : -1;
}

static inline int scratch_teardown(void **state)
{
	(void)state;
	dir = NULL;
	arena_release(&scratch_arena);
	return outside_end(ns_remove);
}

/* A path in it, good until the end of the fixture. */
static inline const char *scratch_path(const char *name)
{
	return arena_printf(&scratch_arena, "%s/%s", dir, name);
}
