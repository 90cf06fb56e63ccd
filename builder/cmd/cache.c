/* kiln cache verify: is everything in the cache what it was when it was put there? */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "steps/verify.h"
#include "tree/namespace.h"
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static int parse(int argc, char **argv, struct err *err)
{
	static const char *const verbs[] = {"verify", NULL};

	if (argc == 2 && str_eq(argv[1], verbs[0]))
		return 0;
	if (argc > 2)
		return err_set(err, ERR_USAGE, "cache: too much: \"%s\"", argv[2]);
	if (argc < 2)
		err_set(err, ERR_USAGE, "cache: what shall be done with it?");
	else if (argv[1][0] == '-')
		return err_set(err, ERR_USAGE, "cache: unknown option \"%s\"", argv[1]);
	else
		err_set(err, ERR_USAGE, "cache: cannot \"%s\"", argv[1]);
	return err_hint(err, "kiln cache verify [--cache DIR]");
}

/* Trees in it have owners that another user sees differently, and all would look damaged. */
static int check_owner(const struct cache *c, struct err *err)
{
	struct stat st;

	if (stat(cache_dir(c), &st) < 0)
		return err_sys(err, errno, "cache: %s", cache_dir(c));
	if (st.st_uid == geteuid())
		return 0;
	return err_set(err, ERR_USAGE, "cache: %s belongs to user %u: only they can verify it", cache_dir(c),
		(unsigned)st.st_uid);
}

static void print(const struct verify_result *r)
{
	for (size_t i = 0; i < r->damaged.n; i++)
		printf("%s: damaged, removed\n", r->damaged.v[i]);
	printf("%zu downloads, %zu unpacked packages, %zu steps: %zu damaged\n", r->downloads, r->unpacked, r->steps,
		r->damaged.n);
	if (r->unrecorded)
		printf("%zu of them were made by an older kiln and could not be checked\n", r->unrecorded);
}

static void print_json(const struct verify_result *r)
{
	_cleanup_json_ json_t *j = json_pack("{s:I, s:I, s:I, s:I, s:[]}", "downloads", (json_int_t)r->downloads,
		"unpacked", (json_int_t)r->unpacked, "steps", (json_int_t)r->steps, "unrecorded",
		(json_int_t)r->unrecorded, "damaged");
	for (size_t i = 0; i < r->damaged.n; i++)
		json_array_append_new(json_object_get(j, "damaged"), json_string(r->damaged.v[i]));
	_cleanup_free_ char *text = json_canonical(j);
	fputs(text, stdout);
	cmd_globals.answered = true;
}

int cmd_cache(int argc, char **argv, struct err *err)
{
	_cleanup_cache_ struct cache *cache = NULL;
	_cleanup_verify_ struct verify_result r = {0};

	if (parse(argc, argv, err) < 0)
		return -1;
	if (!cache_is_there(cmd_globals.cache)) {
		err_set(err, ERR_IO, "cache: there is none%s%s", cmd_globals.cache ? " at " : "",
			cmd_globals.cache ? cmd_globals.cache : "");
		return err_hint(err, "say where with --cache DIR");
	}
	if (ns_check(err) < 0 || cache_open(cmd_globals.cache, ns_remove, &cache, err) < 0 ||
		check_owner(cache, err) < 0 || cache_alone(cache, err) < 0 ||
		verify_cache(cache, cmd_globals.jobs, &r, err) < 0)
		return -1;
	if (cmd_globals.json)
		print_json(&r);
	else
		print(&r);
	if (!r.damaged.n)
		return 0;
	err_set(err, ERR_VERIFY, "cache: %zu damaged", r.damaged.n);
	return err_hint(err, "they are removed: the next build makes or fetches them again");
}
