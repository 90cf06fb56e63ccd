/* kiln: global options, the table of commands, the one place that prints an error. */
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "cmd/help.h"
#include <errno.h>
#include <signal.h>
#include <string.h>

struct command {
	const char *name;
	int (*run)(int argc, char **argv, struct err *err);
};

/* What each does is said by its man page, docs/man/kiln-NAME.1.scd; --help comes from there. */
static const struct command commands[] = {
	{"new", cmd_new},
	{"plan", cmd_plan},
	{"lock", cmd_lock},
	{"fetch", cmd_fetch},
	{"build", cmd_build},
	{"run", cmd_run},
	{"test", cmd_test},
	{"inspect", cmd_inspect},
	{"image", cmd_image},
	{"bundle", cmd_bundle},
	{"cache", cmd_cache},
	{"sbom", cmd_sbom},
	{"diff", cmd_diff},
	{NULL, NULL},
};

static void print_help(const char *command, FILE *f)
{
	for (const struct help *h = helps; h->command; h++)
		if (strcmp(h->command, command) == 0)
			fputs(h->text, f);
}

static const struct command *find_command(const char *name, struct err *err)
{
	const char *names[ARRAY_SIZE(commands)] = {0};

	for (size_t i = 0; commands[i].name; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
		names[i] = commands[i].name;
	}
	err_set(err, ERR_USAGE, "unknown command \"%s\"", name);
	const char *near = str_nearest(name, names);
	if (near)
		err_hint(err, "did you mean \"%s\"?", near);
	else
		err_hint(err, "\"kiln --help\" lists the commands");
	return NULL;
}

static void print_error(const struct err *e)
{
	progress_hide();
	fprintf(stderr, "kiln: error: %s\n", e->msg);
	if (e->hint)
		fprintf(stderr, "kiln: hint: %s\n", e->hint);
	if (cmd_globals.json && !cmd_globals.answered) {
		_cleanup_json_ json_t *j = json_pack("{s:{s:s, s:s, s:s?}}", "error", "kind", err_kind_name(e->kind),
			"message", e->msg, "hint", e->hint);
		if (j)
			json_dumpf(j, stdout, JSON_COMPACT);
		fputc('\n', stdout);
	}
}

/* A disk that is full is met everywhere, also by programs that kiln runs: what to do about it is always the same. */
static void explain_full(struct err *e)
{
	if (e->hint || (e->sys != ENOSPC && e->sys != EDQUOT && (!e->msg || !strstr(e->msg, strerror(ENOSPC)))))
		return;
	e->kind = ERR_IO;
	err_hint(e, "free some space (\"kiln cache prune\"), or use a larger disk: --cache DIR for downloads and "
		    "steps, --out DIR for images");
}

static void print_timings(void)
{
	_cleanup_json_ json_t *steps = progress_timings();
	size_t i;
	json_t *s;

	json_array_foreach(steps, i, s)
	{
		if (json_is_true(json_object_get(s, "cached")))
			continue;
		fprintf(stderr, "%8.2f s  %-10s %s\n", json_number_value(json_object_get(s, "seconds")),
			json_string_value(json_object_get(s, "step")), json_string_value(json_object_get(s, "what")));
	}
}

static bool asks_for_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

static int run_command(int argc, char **argv, struct err *err)
{
	const struct command *c = find_command(argv[0], err);
	if (!c)
		return -1;
	if (asks_for_help(argc, argv)) {
		print_help(c->name, stdout);
		return 0;
	}
	int r = c->run(argc, argv, err);
	if (cmd_globals.timings)
		print_timings();
	return r;
}

/* Names go into locks, reports and answers, which are JSON. */
static int check_words(int argc, char **argv, struct err *err)
{
	for (int i = 1; i < argc; i++) {
		_cleanup_json_ json_t *word = json_string(argv[i]);
		_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT;
		if (word)
			continue;
		strbuf_add_plain(&plain, argv[i]);
		err_set(err, ERR_USAGE, "argument %d is not UTF-8: \"%s\"", i, strbuf_cstr(&plain));
		return err_hint(err, "name the file otherwise");
	}
	return 0;
}

static int run(int argc, char **argv, struct err *err)
{
	argc = cmd_options(argc, argv, err);
	if (argc < 0 || check_words(argc, argv, err) < 0)
		return -1;
	if (argc < 2) {
		print_help("kiln", stderr);
		return err_set(err, ERR_USAGE, "a command is missing");
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("kiln " KILN_VERSION);
		return 0;
	}
	if (strcmp(argv[1], "help") == 0 && argc > 2) {
		const struct command *c = find_command(argv[2], err);
		if (c)
			print_help(c->name, stdout);
		return c ? 0 : -1;
	}
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_help("kiln", stdout);
		return 0;
	}
	return run_command(argc - 1, argv + 1, err);
}

/* A result that was written in part is none: the error may have come long before the last flush, which says nothing
 * then. */
static int finish(struct err *err)
{
	bool before = ferror(stdout);

	cmd_globals.answered = true; /* no second document behind what is there */
	if (fflush(stdout) != 0)
		return err_sys(err, errno, "write the result");
	if (!before)
		return 0;
	err_set(err, ERR_IO, "write the result: only a part of it could be written");
	return err_hint(err, "make room where it goes, or read it to the end");
}

int main(int argc, char **argv)
{
	_cleanup_err_ struct err err = ERR_INIT;

	signal(SIGPIPE, SIG_IGN); /* a reader that went away is a write error like any other */
	int status = run(argc, argv, &err);
	if (status >= 0 && finish(&err) == 0)
		return status;
	explain_full(&err);
	print_error(&err);
	return err.kind ? (int)err.kind : ERR_IO;
}
