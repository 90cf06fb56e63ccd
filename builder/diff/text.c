/* The difference for people: short, by tree, in columns. */
#include "base/json.h"
#include "diff/diff.h"
#include <string.h>
#include <time.h>

enum { NAME_MAX_WIDTH = 60 };

static const char *str(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static uint64_t number(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

static int width_of(const json_t *list, const char *key)
{
	size_t i, width = 0;
	const json_t *j;

	json_array_foreach(list, i, j)
	{
		size_t n = strlen(str(j, key));
		if (n > width && n <= NAME_MAX_WIDTH)
			width = n;
	}
	return (int)width;
}

static size_t count(const json_t *list, const char *change)
{
	size_t i, n = 0;
	const json_t *j;

	json_array_foreach(list, i, j)
	{
		n += str_eq(str(j, "change"), change);
	}
	return n;
}

static void add_count(struct strbuf *out, uint64_t n, const char *what)
{
	strbuf_addf(out, "%llu %s%s", (unsigned long long)n, what, n == 1 ? "" : "s");
}

/* "+1.2 MiB", "-3 KiB", "unchanged" */
static void add_growth(struct strbuf *out, uint64_t from, uint64_t to)
{
	if (from == to)
		strbuf_adds(out, "unchanged");
	else
		strbuf_addf(out, "%c%s", to > from ? '+' : '-', str_bytes(to > from ? to - from : from - to));
}

static void add_day(struct strbuf *out, uint64_t epoch)
{
	time_t t = (time_t)epoch;
	struct tm tm;
	char day[32];

	gmtime_r(&t, &tm);
	strftime(day, sizeof day, "%Y-%m-%d %H:%M", &tm);
	strbuf_adds(out, day);
}

static void head(const json_t *diff, struct strbuf *out)
{
	static const char *const texts[] = {"arch", "suite", "version"}, *const sizes[] = {"download", "installed"};
	const json_t *a = json_object_get(diff, "from"), *b = json_object_get(diff, "to");
	const json_t *x = json_object_get(a, "sizes"), *y = json_object_get(b, "sizes");

	strbuf_addf(out, "%s -> %s\n", str(a, "name"), str(b, "name"));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (!str_eq(str(a, texts[i]), str(b, texts[i])))
			strbuf_addf(out, "  %-10s %s -> %s\n", texts[i], str(a, texts[i]), str(b, texts[i]));
	if (number(a, "epoch") != number(b, "epoch")) {
		strbuf_addf(out, "  %-10s ", "date");
		add_day(out, number(a, "epoch"));
		strbuf_adds(out, " -> ");
		add_day(out, number(b, "epoch"));
		strbuf_addc(out, '\n');
	}
	for (size_t i = 0; x && y && i < ARRAY_SIZE(sizes); i++) {
		strbuf_addf(out, "  %-10s %s, ", sizes[i], str_bytes(number(y, sizes[i])));
		add_growth(out, number(x, sizes[i]), number(y, sizes[i]));
		strbuf_addc(out, '\n');
	}
}

static const char *mark(const json_t *j)
{
	const char *change = str(j, "change");

	return str_eq(change, "added") ? "+" : str_eq(change, "removed") ? "-" : " ";
}

static void sources(const json_t *list, struct strbuf *out)
{
	const json_t *j;
	size_t i;

	if (json_array_size(list))
		strbuf_adds(out, "\nsources\n");
	json_array_foreach(list, i, j)
	{
		bool changed = str_eq(str(j, "change"), "changed");
		strbuf_addf(out, "  %s %s%s\n", mark(j), str(j, "source"), changed ? "  other contents" : "");
	}
}

static void package(const json_t *j, int width, struct strbuf *out)
{
	const char *from = str(j, "from"), *to = str(j, "to"), *change = str(j, "change");

	strbuf_addf(out, "  %s %-*s  ", mark(j), width, str(j, "package"));
	if (!from || !to)
		strbuf_adds(out, from ? from : to);
	else if (str_eq(change, "rebuilt"))
		strbuf_addf(out, "%s  the same version, another file", to);
	else
		strbuf_addf(out, "%s -> %s%s", from, to, str_eq(change, "downgraded") ? "  downgraded" : "");
	strbuf_addc(out, '\n');
}

/* What came and went with a whole tree is counted, not listed. */
static void tree(const json_t *t, struct strbuf *out)
{
	static const char *const changes[] = {"added", "removed", "upgraded", "downgraded", "rebuilt"};
	const json_t *list = json_object_get(t, "packages"), *sizes = json_object_get(t, "installed"), *j;
	const char *between = "  ";
	size_t i;

	if (!str_eq(str(t, "change"), "changed")) {
		uint64_t bytes = number(sizes, "from") + number(sizes, "to"); /* one is zero */
		strbuf_addf(out, "\n%s %s  ", mark(t), str(t, "tree"));
		add_count(out, json_array_size(list), "package");
		if (bytes)
			strbuf_addf(out, ", %s", str_bytes(bytes));
		strbuf_addc(out, '\n');
		return;
	}
	strbuf_addf(out, "\n%s", str(t, "tree"));
	for (size_t c = 0; c < ARRAY_SIZE(changes); c++)
		if (count(list, changes[c])) {
			strbuf_addf(out, "%s%zu %s", between, count(list, changes[c]), changes[c]);
			between = ", ";
		}
	if (number(sizes, "from") != number(sizes, "to")) {
		strbuf_adds(out, "; installed ");
		add_growth(out, number(sizes, "from"), number(sizes, "to"));
	}
	strbuf_addc(out, '\n');
	int width = width_of(list, "package");
	for (size_t c = 0; c < ARRAY_SIZE(changes); c++)
		json_array_foreach(list, i, j)
		{
			if (str_eq(str(j, "change"), changes[c]))
				package(j, width, out);
		}
}

/* Twelve digits, as podman shows them. */
static void add_digest(struct strbuf *out, const json_t *side)
{
	strbuf_addf(out, "%.12s", str(side, "digest") + strlen("sha256:"));
}

static void image(const json_t *j, const char *what, int width, struct strbuf *out)
{
	const json_t *a = json_object_get(j, "from"), *b = json_object_get(j, "to");
	const json_t *both = json_is_object(a) && json_is_object(b) ? j : NULL, *one = json_is_object(b) ? b : a;

	strbuf_addf(out, "  %s %-*s  ", mark(j), width, str(j, what));
	if (both) {
		add_digest(out, a);
		strbuf_adds(out, " -> ");
	}
	add_digest(out, one);
	if (both && json_object_get(j, "layers_added")) {
		strbuf_addf(out, "  %zu of %llu layers new, ", json_array_size(json_object_get(j, "layers_added")),
			(unsigned long long)number(b, "layers"));
		add_growth(out, number(a, "bytes"), number(b, "bytes"));
	} else if (json_object_get(one, "layers")) {
		strbuf_adds(out, "  ");
		add_count(out, number(one, "layers"), "layer");
		strbuf_addf(out, ", %s", str_bytes(number(one, "bytes")));
	}
	if (both && !str_eq(str(a, "source"), str(b, "source")))
		strbuf_addf(out, "  from %s, was from %s", str(b, "source"), str(a, "source"));
	strbuf_addc(out, '\n');
}

/* `title`, and what has its name in the member `what`. */
static void images(const json_t *list, const char *title, const char *what, struct strbuf *out)
{
	int width = width_of(list, what);
	const json_t *j;
	size_t i;

	if (json_array_size(list))
		strbuf_addf(out, "\n%s\n", title);
	json_array_foreach(list, i, j)
	{
		image(j, what, width, out);
	}
}

void diff_text(const json_t *diff, struct strbuf *out)
{
	const json_t *j;
	size_t i;

	if (diff_is_same(diff)) {
		strbuf_addf(out, "%s and %s: no difference\n", str(json_object_get(diff, "from"), "name"),
			str(json_object_get(diff, "to"), "name"));
		return;
	}
	head(diff, out);
	sources(json_object_get(diff, "sources"), out);
	json_array_foreach(json_object_get(diff, "trees"), i, j)
	{
		tree(j, out);
	}
	images(json_object_get(diff, "images"), "images", "image", out);
	images(json_object_get(diff, "models"), "models", "model", out);
}
