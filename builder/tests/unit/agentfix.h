/* An agent in a scratch directory, for the tests of builder/target/agent. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants those first */
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "target/agent/agent.h"
#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

struct fix {
	char *dir;
	struct agent a;
	struct err err;
};

static inline void fix_machine(struct fix *f, const char *text)
{
	_cleanup_free_ char *conf = path_join(f->dir, "machine.json"), *state = path_join(f->dir, "state"),
			    *run = path_join(f->dir, "run");
	if (path_write(conf, text, strlen(text), 0644, &f->err) < 0 || agent_init(&f->a, conf, state, run, &f->err) < 0)
		fail_msg("%s", f->err.msg);
}

/* The committed sample, with everything in it. */
static inline void fix_sample(struct fix *f)
{
	size_t len;
	_cleanup_free_ char *text = path_read("builder/tests/golden/agent/machine.json", 1 << 20, &len, &f->err);
	if (!text)
		fail_msg("%s (run from the top of the repository)", f->err.msg);
	fix_machine(f, text);
}

static inline int fix_setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct fix *f = xcalloc(1, sizeof *f);
	f->dir = path_tempdir(tmp ? tmp : "/tmp", "kiln-agent-test.", &f->err);
	*state = f;
	return f->dir ? 0 : -1;
}

static inline int fix_teardown(void **state)
{
	struct fix *f = *state;
	agent_release(&f->a);
	err_release(&f->err);
	path_remove(f->dir, &f->err);
	err_release(&f->err);
	free(f->dir);
	free(f);
	return 0;
}

static inline char *fix_file(struct fix *f, const char *path)
{
	_cleanup_free_ char *full = path_join(f->dir, path);
	char *text = path_read(full, 1 << 20, NULL, &f->err);
	if (!text)
		fail_msg("%s", f->err.msg);
	return text;
}

static inline unsigned fix_mode(struct fix *f, const char *path)
{
	struct stat st;
	_cleanup_free_ char *full = path_join(f->dir, path);
	return stat(full, &st) == 0 ? st.st_mode & 07777 : 0;
}

/* A call that must fail with exactly this message. */
#define assert_fails(call, f, text)                                                                                    \
	do {                                                                                                           \
		err_release(&(f)->err);                                                                                \
		assert_int_equal((call), -1);                                                                          \
		assert_string_equal((f)->err.msg, (text));                                                             \
		err_release(&(f)->err);                                                                                \
	} while (0)
#define assert_works(call, f)                                                                                          \
	do {                                                                                                           \
		if ((call) < 0)                                                                                        \
			fail_msg("%s", (f)->err.msg);                                                                  \
	} while (0)
