/* kiln cache: is everything in it what it was when it was put there (verify), and room in it (prune). */
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "steps/prune.h"
#include "steps/verify.h"
#include "tree/namespace.h"
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { UNUSED_DAYS = 30, DAY_S = 24 * 3600, DAYS_MAX = 36500 };

struct words {
	bool prune; /* else verify */
	struct prune_opts opts;
};

static int usage(struct err *err)
{
	return err_hint(err, "kiln cache verify, or kiln cache prune [--unused DAYS] [--max-size SIZE] [--dry-run]");
}

static bool is_option(const char *arg)
{
	return str_starts(arg, "--unused") || str_starts(arg, "--max-size") || str_eq(arg, "--dry-run");
}

static int parse_verb(int argc, char **argv, struct words *w, struct err *err)
{
	if (argc < 2)
		err_set(err, ERR_USAGE, "cache: what shall be done with it?");
	else if (is_option(argv[1]))
		err_set(err, ERR_USAGE, "cache: what shall be done with it comes before %s", argv[1]);
	else if (argv[1][0] == '-')
		err_set(err, ERR_USAGE, "cache: unknown option \"%s\"", argv[1]);
	else if (str_eq(argv[1], "verify") || str_eq(argv[1], "prune"))
		return w->prune = str_eq(argv[1], "prune"), 0;
	else
		err_set(err, ERR_USAGE, "cache: cannot \"%s\"", argv[1]);
	return usage(err);
}

static int parse_option(int argc, char **argv, int *i, struct words *w, uint64_t *days, struct err *err)
{
	const char *opt = argv[*i], *unused = cmd_value("--unused", argc, argv, i),
		   *size = unused ? NULL : cmd_value("--max-size", argc, argv, i);

	if (*i < 0)
		return err_set(err, ERR_USAGE, "cache prune: %s needs a value", opt);
	if (unused && (!str_to_u64(unused, days) || *days > DAYS_MAX))
		return err_set(
			err, ERR_USAGE, "cache prune: --unused: expected a number of days, found \"%s\"", unused);
	if (size && !str_to_bytes(size, &w->opts.max_size))
		return err_set(err, ERR_USAGE, "cache prune: --max-size: expected a size like 20G, found \"%s\"", size);
	if (str_eq(opt, "--dry-run"))
		w->opts.dry_run = true;
	else if (!unused && !size)
		return err_set(err, ERR_USAGE,
			opt[0] == '-' ? "cache prune: unknown option \"%s\"" : "cache prune: too much: \"%s\"", opt);
	return 0;
}

static int parse(int argc, char **argv, struct words *w, struct err *err)
{
	uint64_t days = UINT64_MAX;

	*w = (struct words){.opts.max_size = UINT64_MAX};
	if (parse_verb(argc, argv, w, err) < 0)
		return -1;
	if (!w->prune && argc > 2)
		return err_set(err, ERR_USAGE, "cache: too much: \"%s\"", argv[2]);
	for (int i = 2; i < argc; i++)
		if (parse_option(argc, argv, &i, w, &days, err) < 0)
			return -1;
	if (days == UINT64_MAX && w->opts.max_size == UINT64_MAX)
		days = UNUSED_DAYS;
	w->opts.before = days == UINT64_MAX ? 0 : days ? time(NULL) - (time_t)days * DAY_S : PRUNE_ALL;
	return 0;
}

/* Trees in it have owners that another user sees differently, and all would look damaged. */
static int check_owner(const struct cache *c, const char *verb, struct err *err)
{
	struct stat st;

	if (stat(cache_dir(c), &st) < 0)
		return err_sys(err, errno, "cache: %s", cache_dir(c));
	if (st.st_uid == geteuid())
		return 0;
	return err_set(err, ERR_USAGE, "cache: %s belongs to user %u: only they can %s it", cache_dir(c),
		(unsigned)st.st_uid, verb);
}

static void print_verified(const struct verify_result *r)
{
	for (size_t i = 0; i < r->damaged.n; i++)
		printf("%s: damaged, removed\n", r->damaged.v[i]);
	printf("%zu downloads, %zu unpacked packages, %zu steps: %zu damaged\n", r->downloads, r->unpacked, r->steps,
		r->damaged.n);
	if (r->unrecorded)
		printf("%zu of them were made by an older kiln and could not be checked\n", r->unrecorded);
}

/* With `list` at the key of an empty array. */
static void answer(json_t *j, const char *key, const struct strvec *list)
{
	for (size_t i = 0; i < list->n; i++)
		json_array_append_new(json_object_get(j, key), json_string(list->v[i]));
	_cleanup_free_ char *text = json_canonical(j);
	fputs(text, stdout);
	cmd_globals.answered = true;
}

static void verified_json(const struct verify_result *r)
{
	_cleanup_json_ json_t *j = json_pack("{s:I, s:I, s:I, s:I, s:[]}", "downloads", (json_int_t)r->downloads,
		"unpacked", (json_int_t)r->unpacked, "steps", (json_int_t)r->steps, "unrecorded",
		(json_int_t)r->unrecorded, "damaged");
	answer(j, "damaged", &r->damaged);
}

static int verify(const struct cache *c, struct err *err)
{
	_cleanup_verify_ struct verify_result r = {0};

	if (verify_cache(c, cmd_globals.jobs, &r, err) < 0)
		return -1;
	if (cmd_globals.json)
		verified_json(&r);
	else
		print_verified(&r);
	if (!r.damaged.n)
		return 0;
	err_set(err, ERR_VERIFY, "cache: %zu damaged", r.damaged.n);
	return err_hint(err, "they are removed: the next build makes or fetches them again");
}

static void print_pruned(const struct prune_result *r, bool dry_run)
{
	if (dry_run || log_get() == LOG_VERBOSE)
		for (size_t i = 0; i < r->removed.n; i++)
			puts(r->removed.v[i]);
	printf("%zu of %zu entries %s: %s freed, %s left\n", r->removed.n, r->removed.n + r->kept,
		dry_run ? "would be removed" : "removed", str_bytes(r->freed), str_bytes(r->size));
}

static void pruned_json(const struct prune_result *r, bool dry_run)
{
	_cleanup_json_ json_t *j = json_pack("{s:b, s:I, s:I, s:I, s:[]}", "dry_run", dry_run, "kept",
		(json_int_t)r->kept, "freed", (json_int_t)r->freed, "size", (json_int_t)r->size, "removed");
	answer(j, "removed", &r->removed);
}

static int prune(const struct cache *c, const struct prune_opts *opts, struct err *err)
{
	_cleanup_prune_ struct prune_result r = {0};

	if (prune_cache(c, opts, &r, err) < 0)
		return -1;
	if (cmd_globals.json)
		pruned_json(&r, opts->dry_run);
	else
		print_pruned(&r, opts->dry_run);
	return 0;
}

int cmd_cache(int argc, char **argv, struct err *err)
{
	_cleanup_cache_ struct cache *cache = NULL;
	struct words w;

	if (parse(argc, argv, &w, err) < 0)
		return -1;
	if (!cache_is_there(cmd_globals.cache)) {
		err_set(err, ERR_IO, "cache: there is none%s%s", cmd_globals.cache ? " at " : "",
			cmd_globals.cache ? cmd_globals.cache : "");
		return err_hint(err, "say where with --cache DIR");
	}
	if (ns_check(err) < 0 || cache_open(cmd_globals.cache, ns_remove, &cache, err) < 0 ||
		check_owner(cache, w.prune ? "prune" : "verify", err) < 0 || cache_alone(cache, err) < 0)
		return -1;
	return w.prune ? prune(cache, &w.opts, err) : verify(cache, err);
}
