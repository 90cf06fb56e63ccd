/* Rendered files are parsed before they reach a machine; the error names the template's line. */
#include "base/str.h"
#include "config/yaml.h"
#include "plan/rt.h"
#include "plan/template.h"
#include "plan/toml.h"

struct finding {
	unsigned line, column; /* column 0: not known */
	const char *problem;
	char buffer[JSON_ERROR_TEXT_LENGTH];
};

static int check_json(const char *text, struct finding *f)
{
	json_error_t e;
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	if (j) {
		json_decref(j);
		return 0;
	}
	snprintf(f->buffer, sizeof f->buffer, "%s", e.text);
	f->problem = f->buffer;
	f->line = e.line > 0 ? (unsigned)e.line : 1;
	f->column = e.column > 0 ? (unsigned)e.column : 1;
	return -1;
}

static int check_yaml(const char *text, struct finding *f)
{
	return yaml_check(text, strlen(text), &f->line, &f->column, &f->problem);
}

static int check_toml(const char *text, struct finding *f)
{
	return toml_check(text, &f->line, &f->problem);
}

/* [section], key = value or key: value, comments with # or ;, and indented lines that go on with the value above. */
static int check_ini(const char *text, struct finding *f)
{
	bool after_key = false;
	for (f->line = 1; *text; f->line++) {
		size_t len = strcspn(text, "\n"), blank = strspn(text, " \t\r");
		const char *s = text + blank;
		size_t n = blank < len ? len - blank : 0;
		while (n && strchr(" \t\r", s[n - 1]))
			n--;
		text += len + (text[len] == '\n');
		if (!n || *s == '#' || *s == ';' || (blank && after_key))
			continue;
		if (*s == '[') {
			after_key = false;
			f->problem = "a section without its ']'";
			if (s[n - 1] != ']')
				return -1;
			continue;
		}
		after_key = true;
		f->problem = "expected 'key = value'";
		if (*s == '=' || *s == ':' || (!memchr(s, '=', n) && !memchr(s, ':', n)))
			return -1;
	}
	return 0;
}

static const struct {
	const char *ending, *kind;
	int (*check)(const char *text, struct finding *f);
} syntaxes[] = {
	{".json", "JSON", check_json},
	{".yml", "YAML", check_yaml},
	{".yaml", "YAML", check_yaml},
	{".toml", "TOML", check_toml},
	{".ini", "INI", check_ini},
};

int rendered_check(const char *path, const char *name, const char *rt, const struct rendered *map, struct err *err)
{
	_cleanup_free_ char *sample = rtext_sample(rt);
	for (size_t i = 0; i < ARRAY_SIZE(syntaxes); i++) {
		struct finding f = {.line = 1};
		if (!str_ends(path, syntaxes[i].ending) || syntaxes[i].check(sample, &f) == 0)
			continue;
		unsigned from = map->n ? map->v[f.line <= map->n ? f.line - 1 : map->n - 1] : 1;
		err_set(err, ERR_CONFIG, "%s:%u: what is rendered is not %s: %s", name, from, syntaxes[i].kind,
			f.problem);
		return f.column ? err_hint(err, "line %u, column %u of the rendered file", f.line, f.column)
				: err_hint(err, "line %u of the rendered file", f.line);
	}
	return 0;
}
