#include "deb/control.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool only_blanks(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!blank(s[i]) && s[i] != '\r')
			return false;
	return true;
}

/* The length of a field's name at the start of a line, 0 when there is none. */
static size_t name_length(const char *s, size_t len)
{
	size_t n = 0;

	if (len && (*s == '-' || *s == '#'))
		return 0;
	while (n < len && s[n] > ' ' && s[n] < 127 && s[n] != ':')
		n++;
	return n < len && s[n] == ':' ? n : 0;
}

const char *control_get(const struct control *c, const char *field)
{
	for (size_t i = 0; i < c->fields.n; i++)
		if (strcasecmp(c->fields.v[i].name, field) == 0)
			return c->fields.v[i].value;
	return NULL;
}

struct parser {
	const char *name;
	size_t line;
	struct control_file *out;
	struct control *para;	 /* NULL between paragraphs */
	const char *value, *end; /* of the field being read; NULL: none */
	const char *field;
};

static void finish_field(struct parser *p)
{
	if (!p->field)
		return;
	while (p->value < p->end && isspace((unsigned char)*p->value))
		p->value++;
	while (p->end > p->value && isspace((unsigned char)p->end[-1]))
		p->end--;
	struct control_field f = {
		.name = p->field, .value = arena_strndup(&p->out->arena, p->value, (size_t)(p->end - p->value))};
	vec_push(&p->para->fields, f);
	p->field = NULL;
}

static int begin_field(struct parser *p, const char *s, size_t len, struct err *err)
{
	size_t n = name_length(s, len);

	if (!n)
		return err_set(err, ERR_VERIFY, "%s:%zu: expected \"Field: value\"", p->name, p->line);
	if (!p->para) {
		vec_push(&p->out->paras, (struct control){0});
		p->para = &p->out->paras.v[p->out->paras.n - 1];
	}
	p->field = arena_strndup(&p->out->arena, s, n);
	if (control_get(p->para, p->field))
		return err_set(err, ERR_VERIFY, "%s:%zu: field %s is given twice", p->name, p->line, p->field);
	p->value = s + n + 1;
	p->end = s + len;
	return 0;
}

static int parse_line(struct parser *p, const char *s, size_t len, struct err *err)
{
	if (memchr(s, 0, len))
		return err_set(err, ERR_VERIFY, "%s:%zu: a NUL byte", p->name, p->line);
	if (only_blanks(s, len)) {
		finish_field(p);
		p->para = NULL;
		return 0;
	}
	if (*s == '#')
		return 0;
	if (blank(*s)) {
		if (!p->field)
			return err_set(err, ERR_VERIFY, "%s:%zu: a continued line without a field", p->name, p->line);
		p->end = s + len;
		return 0;
	}
	finish_field(p);
	return begin_field(p, s, len, err);
}

int control_parse(const char *text, size_t len, const char *name, struct control_file *out, struct err *err)
{
	struct parser p = {.name = name, .out = out};
	const char *end = text + len;

	*out = (struct control_file){0};
	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		const char *stop = nl ? nl : end;
		p.line++;
		if (parse_line(&p, text, (size_t)(stop - text), err) < 0) {
			control_release(out);
			return -1;
		}
		text = nl ? nl + 1 : end;
	}
	finish_field(&p);
	return 0;
}

void control_release(struct control_file *f)
{
	for (size_t i = 0; i < f->paras.n; i++)
		vec_release(&f->paras.v[i].fields);
	vec_release(&f->paras);
	arena_release(&f->arena);
}

static bool made_of(const char *s, const char *extra, size_t min, bool upper)
{
	size_t n = 0;

	if (!s || !isalnum((unsigned char)*s))
		return false;
	for (; s[n]; n++)
		if (!(islower((unsigned char)s[n]) || isdigit((unsigned char)s[n]) ||
			    (upper && isupper((unsigned char)s[n])) || strchr(extra, s[n])))
			return false;
	return n >= min && n <= 255;
}

bool control_is_package(const char *s)
{
	return made_of(s, "+-.", 2, false);
}

bool control_is_version(const char *s)
{
	return made_of(s, ".+-~:", 1, true);
}

bool control_is_arch(const char *s)
{
	return made_of(s, "-", 2, false);
}
