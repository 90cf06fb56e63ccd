/* Templates: ${...} anywhere, and lines %for X in LIST / %if COND / %else / %end. */
#include "plan/template.h"
#include "base/vec.h"
#include "plan/rt.h"

struct line {
	const char *text; /* without the newline */
	bool newline;
};
struct render {
	const char *name; /* of the template, as shown */
	bool secret_ok;
	VEC(struct line) lines;
	struct strbuf out;
	struct rendered *map;
	bool secret;
	const char *why;
};

static struct place line_place(const struct render *r, size_t i)
{
	return (struct place){.file = r->name, .line = (unsigned)i + 1, .column = 1, .exact = true};
}

/* Is line i "%WORD ..."? Returns what follows the word, or NULL. */
static const char *directive(const struct render *r, size_t i, const char *word)
{
	const char *s = r->lines.v[i].text;
	s += strspn(s, " \t");
	size_t n = strlen(word);
	if (*s != '%' || strncmp(s + 1, word, n) != 0 || (s[n + 1] && !strchr(" \t\r", s[n + 1])))
		return NULL;
	return s + 1 + n + strspn(s + 1 + n, " \t");
}

/* The %else (or 0) and %end that belong to the %for or %if in line `start`. */
static int find_end(const struct render *r, size_t start, size_t *ret_else, size_t *ret_end, struct err *err)
{
	unsigned depth = 0;
	*ret_else = 0;
	for (size_t i = start + 1; i < r->lines.n; i++) {
		if (directive(r, i, "for") || directive(r, i, "if")) {
			depth++;
		} else if (directive(r, i, "else") && !depth) {
			*ret_else = i;
		} else if (directive(r, i, "end") && !depth--) {
			*ret_end = i;
			return 0;
		}
	}
	struct place at = line_place(r, start);
	return place_err(&at, err, "no %%end belongs to this line");
}

static int render_lines(struct render *r, const struct scope *s, size_t from, size_t to, struct err *err);

static int take_secret(struct render *r, const struct place *at, const struct value *v, struct err *err)
{
	if (!v->secret)
		return 0;
	if (!r->secret_ok)
		return leak_err(at, v, err);
	r->secret = true;
	r->why = v->why;
	return 0;
}

static int render_text(struct render *r, const struct scope *s, size_t i, struct err *err)
{
	const struct line *line = &r->lines.v[i];
	const char *text = line->text;
	struct place at = line_place(r, i);
	struct value v;
	/* "%%" begins a line that starts with one "%". */
	const char *first = text + strspn(text, " \t");
	if (!strncmp(first, "%%", 2)) {
		strbuf_add(&r->out, text, (size_t)(first - text));
		text = first + 1;
	}
	if (eval_text(s, &at, text, &v, err) < 0 || take_secret(r, &at, &v, err) < 0)
		return -1;
	strbuf_adds(&r->out, v.text);
	if (line->newline)
		strbuf_addc(&r->out, '\n');
	/* Which template line each output line came from. */
	for (const char *p = v.text; *p; p++)
		if (*p == '\n')
			vec_push(r->map, (unsigned)i + 1);
	vec_push(r->map, (unsigned)i + 1);
	return 0;
}

/* One round of a loop for item k of a list. */
static struct value item_of(const struct value *list, size_t k)
{
	struct value v = {.kind = list->kind, .n = 1, .text = "", .secret = list->secret, .why = list->why};
	if (list->kind == V_CLAIMS) {
		v.claims = &list->claims[k];
	} else if (list->kind == V_CONTAINERS) {
		v.containers = &list->containers[k];
	} else {
		v.kind = V_TEXT;
		v.text = list->list[k];
	}
	return v;
}

/* Put the text at the end of the last line. */
static void end_with(struct strbuf *out, const char *text)
{
	bool newline = out->s[out->len - 1] == '\n';
	if (newline)
		out->s[--out->len] = '\0';
	strbuf_adds(out, text);
	if (newline)
		strbuf_addc(out, '\n');
}

static int render_for(
	struct render *r, const struct scope *s, size_t start, size_t end, const char *args, struct err *err)
{
	struct place at = line_place(r, start);
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	str_split(&words, args, " \t\r");
	bool between = words.n == 5 && !strcmp(words.v[3], "between");
	if ((words.n != 3 && !between) || strcmp(words.v[1], "in") != 0 || !words.v[0][0])
		return place_err(&at, err, "expected '%%for X in LIST', found '%%for %s'", args);
	for (const char *const *name = reserved_names; *name; name++)
		if (!strcmp(*name, words.v[0]))
			return place_err(&at, err, "'%s' is a reserved name", words.v[0]);
	struct value list;
	if (eval_ref(s, &at, words.v[2], &list, err) < 0)
		return -1;
	if (list.kind == V_TEXT)
		return list.text[0] ? place_err(&at, err, "'%s' is no list", words.v[2]) : 0;
	for (size_t k = 0; k < list.n; k++) {
		struct loopvar var = {.name = words.v[0], .value = item_of(&list, k), .outer = s->vars};
		struct scope inner = *s;
		inner.vars = &var;
		size_t before = r->out.len;
		if (render_lines(r, &inner, start + 1, end, err) < 0)
			return -1;
		if (between && k + 1 < list.n && r->out.len > before)
			end_with(&r->out, words.v[4]);
	}
	return 0;
}

static int render_if(struct render *r, const struct scope *s, size_t start, size_t otherwise, size_t end,
	const char *cond, struct err *err)
{
	struct place at = line_place(r, start);
	_cleanup_free_ char *text = xstrndup(cond, strcspn(cond, "\r"));
	bool yes;
	if (eval_cond(s, &at, text, &yes, err) < 0)
		return -1;
	if (yes)
		return render_lines(r, s, start + 1, otherwise ? otherwise : end, err);
	return otherwise ? render_lines(r, s, otherwise + 1, end, err) : 0;
}

static int render_lines(struct render *r, const struct scope *s, size_t from, size_t to, struct err *err)
{
	for (size_t i = from; i < to; i++) {
		const char *loop = directive(r, i, "for"), *cond = directive(r, i, "if");
		size_t otherwise = 0, end = 0;
		if (directive(r, i, "end") || directive(r, i, "else")) {
			struct place at = line_place(r, i);
			return place_err(&at, err, "no %%if or %%for belongs to this line");
		}
		if (!loop && !cond) {
			if (render_text(r, s, i, err) < 0)
				return -1;
			continue;
		}
		if (find_end(r, i, &otherwise, &end, err) < 0)
			return -1;
		if (loop && otherwise) {
			struct place at = line_place(r, otherwise);
			return place_err(&at, err, "a %%for has no %%else");
		}
		if ((loop ? render_for(r, s, i, end, loop, err) : render_if(r, s, i, otherwise, end, cond, err)) < 0)
			return -1;
		i = end;
	}
	return 0;
}

static void split_lines(struct render *r, struct arena *arena, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		struct line line = {.text = arena_strndup(arena, text, n), .newline = text[n] == '\n'};
		vec_push(&r->lines, line);
		text += n + line.newline;
	}
}

int render_template(const struct scope *s, const char *text, const char *name, bool secret_ok, struct rendered *map,
	struct value *ret, struct err *err)
{
	struct render r = {.name = name, .secret_ok = secret_ok, .map = map};
	split_lines(&r, s->pl->arena, text);
	int result = render_lines(&r, s, 0, r.lines.n, err);
	*ret = (struct value){.kind = V_TEXT, .secret = r.secret, .why = r.why};
	ret->text = arena_strdup(s->pl->arena, strbuf_cstr(&r.out));
	vec_release(&r.lines);
	strbuf_release(&r.out);
	return result;
}
