#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include <string.h>

void json_cleanup(json_t **j)
{
	json_decref(*j);
}

char *json_canonical(const json_t *j)
{
	_cleanup_free_ char *s = json_dumps(j, JSON_SORT_KEYS | JSON_INDENT(2) | JSON_ENCODE_ANY);

	if (!s)
		abort();
	return xasprintf("%s\n", s);
}

char *json_compact(const json_t *j)
{
	char *s = json_dumps(j, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);

	if (!s)
		abort();
	return s;
}

json_t *json_parse(const char *text, size_t len, const char *name, struct err *err)
{
	json_error_t where;
	json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);

	if (!j)
		err_set(err, ERR_VERIFY, "%s:%d:%d: %s", name, where.line, where.column, where.text);
	return j;
}

/* The place of the bracket that goes too deep, or NULL. */
static const char *too_deep(const char *text, size_t len, unsigned depth)
{
	bool in_string = false;
	unsigned now = 0;

	for (const char *p = text; p < text + len; p++) {
		if (in_string && *p == '\\')
			p++;
		else if (*p == '"')
			in_string = !in_string;
		else if (!in_string && (*p == '{' || *p == '[') && ++now > depth)
			return p;
		else if (!in_string && (*p == '}' || *p == ']') && now)
			now--;
	}
	return NULL;
}

json_t *json_parse_shallow(const char *text, size_t len, const char *name, unsigned depth, struct err *err)
{
	const char *at = too_deep(text, len, depth), *line = text;
	unsigned number = 1;

	if (!at)
		return json_parse(text, len, name, err);
	for (const char *p = text; p < at; p++)
		if (*p == '\n') {
			line = p + 1;
			number++;
		}
	err_set(err, ERR_VERIFY, "%s:%u:%zu: nested more than %u deep", name, number, (size_t)(at - line) + 1, depth);
	return NULL;
}

json_t *json_read(const char *path, size_t max, struct err *err)
{
	size_t len;
	_cleanup_free_ char *text = path_read(path, max, &len, err);

	return text ? json_parse(text, len, path, err) : NULL;
}

int json_write(const char *path, const json_t *j, struct err *err)
{
	_cleanup_free_ char *text = json_canonical(j);

	return path_write(path, text, strlen(text), 0644, err);
}

static const char *type_name(const json_t *j)
{
	if (!j)
		return "nothing";
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	case JSON_REAL:
		return "a number with a fraction";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		return "null";
	}
	return "something unknown";
}

static json_t *need(const json_t *obj, const char *key, json_type type, const char *what, struct err *err)
{
	json_t *v = json_object_get(obj, key);

	if (v && json_typeof(v) == type)
		return v;
	err_set(err, ERR_VERIFY, "%s: expected %s, found %s", key, what, type_name(v));
	return NULL;
}

const char *json_text(const json_t *obj, const char *key)
{
	const char *s = json_string_value(json_object_get(obj, key));

	return s ? s : "";
}

const char *json_need_str(const json_t *obj, const char *key, struct err *err)
{
	json_t *v = need(obj, key, JSON_STRING, "a string", err);

	return v ? json_string_value(v) : NULL;
}

int json_need_u64(const json_t *obj, const char *key, uint64_t *ret, struct err *err)
{
	json_t *v = need(obj, key, JSON_INTEGER, "an integer", err);

	if (!v)
		return -1;
	if (json_integer_value(v) < 0)
		return err_set(err, ERR_VERIFY, "%s: expected an integer of at least 0, found %" JSON_INTEGER_FORMAT,
			key, json_integer_value(v));
	*ret = (uint64_t)json_integer_value(v);
	return 0;
}

json_t *json_need_array(const json_t *obj, const char *key, struct err *err)
{
	return need(obj, key, JSON_ARRAY, "an array", err);
}

json_t *json_need_object(const json_t *obj, const char *key, struct err *err)
{
	return need(obj, key, JSON_OBJECT, "an object", err);
}

int json_only_keys(const json_t *obj, const char *const *keys, struct err *err)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)obj, key, v)
	{
		const char *const *k = keys;
		while (*k && strcmp(*k, key) != 0)
			k++;
		if (*k)
			continue;
		err_set(err, ERR_VERIFY, "unknown key \"%s\"", key);
		const char *near = str_nearest(key, keys);
		if (near)
			err_hint(err, "did you mean \"%s\"?", near);
		return -1;
	}
	return 0;
}
