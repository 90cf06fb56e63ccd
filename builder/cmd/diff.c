/* kiln diff: what is other in the second of two locks, or of two images. */
#include "diff/diff.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/cmd.h"

/* One of the two, and all that its contents borrow from. */
struct side {
	const char *given;
	struct lock lock;
	struct contents contents;
};

static void side_release(struct side *s)
{
	contents_release(&s->contents);
	lock_release(&s->lock);
}
#define _cleanup_side_ __attribute__((cleanup(side_release)))

static bool is_profile(const char *given)
{
	return str_ends(given, ".yaml") || cmd_is_name(given);
}
static bool has_lock(const char *given)
{
	return str_ends(given, ".lock") || is_profile(given);
}

static int read_lock(struct side *s, struct err *err)
{
	if (!is_profile(s->given))
		return cmd_lock_at(s->given, &s->lock, err);
	_cleanup_appliance_ struct appliance *a = cmd_load(s->given, err);
	if (!a)
		return -1;
	_cleanup_free_ char *path = lock_path(a->beside); /* whether it still fits is not the question */
	if (lock_read(path, &s->lock, err) == 0)
		return 0;
	return err->hint ? -1 : err_hint(err, "\"kiln lock %s\" makes it", s->given);
}

static int side_read(struct side *s, struct err *err)
{
	if (has_lock(s->given)) {
		if (read_lock(s, err) < 0)
			return -1;
		contents_of_lock(&s->lock, s->given, &s->contents);
		return 0;
	}
	_cleanup_json_ json_t *inspected = cmd_look(s->given, err);
	return inspected ? contents_of_image(inspected, s->given, &s->contents, err) : -1;
}

static int parse(int argc, char **argv, struct side *from, struct side *to, struct err *err)
{
	for (int i = 1; i < argc; i++)
		if (argv[i][0] == '-')
			return err_set(err, ERR_USAGE, "diff: unknown option \"%s\"", argv[i]);
	if (argc != 3) {
		if (argc < 3)
			err_set(err, ERR_USAGE, "diff: expected two locks or two images, found %s",
				argc < 2 ? "nothing" : "one");
		else
			err_set(err, ERR_USAGE, "diff: expected two locks or two images, found \"%s\" as well",
				argv[3]);
		return err_hint(err, "for example: kiln diff before.lock core");
	}
	from->given = argv[1];
	to->given = argv[2];
	if (has_lock(from->given) == has_lock(to->given))
		return 0;
	err_set(err, ERR_USAGE, "diff: %s is %s, %s is %s", from->given, has_lock(from->given) ? "a lock" : "an image",
		to->given, has_lock(to->given) ? "a lock" : "an image");
	return err_hint(err, "compare two locks (FILE.lock, or profiles that have one), or two images");
}

int cmd_diff(int argc, char **argv, struct err *err)
{
	_cleanup_side_ struct side from = {0}, to = {0};

	if (parse(argc, argv, &from, &to, err) < 0 || side_read(&from, err) < 0 || side_read(&to, err) < 0)
		return -1;
	_cleanup_json_ json_t *diff = diff_make(&from.contents, &to.contents);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_free_ char *json = json_canonical(diff);
	diff_text(diff, &text);
	fputs(cmd_globals.json ? json : strbuf_cstr(&text), stdout);
	return diff_is_same(diff) ? 0 : CMD_DIFFERS;
}
