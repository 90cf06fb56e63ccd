#include "config/bind.h"
#include "base/str.h"
#include "base/vec.h"

#define IDENT_MAX 63

bool bind_is_ident(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");
	return n > 0 && n <= IDENT_MAX && !s[n] && s[0] >= 'a' && s[0] <= 'z' && s[n - 1] != '-';
}

static bool is_loose_ident(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-");
	return n > 0 && n <= IDENT_MAX && !s[n] && s[0] >= 'a' && s[0] <= 'z';
}

int bind_expected(const struct ynode *n, const char *key, const char *what, struct err *err)
{
	return ynode_err(n, err, "%s: expected %s, found %s", key, what, ynode_describe(n));
}

int bind_hint(struct err *err, const char *word, const char *const *names)
{
	const char *near = str_nearest(word, names);
	if (near)
		return err_hint(err, "did you mean '%s'?", near);
	size_t n = 0;
	while (names[n])
		n++;
	if (!n || n > 32)
		return -1;
	_cleanup_strvec_ struct strvec v = STRVEC_INIT;
	strvec_add_all(&v, names);
	strvec_sort(&v);
	_cleanup_free_ char *list = strvec_join(&v, ", ");
	return err_hint(err, "there is: %s", list);
}

static bool is_value(const struct ynode *n)
{
	return n->kind == Y_SCALAR && !ynode_is_null(n);
}

int bind_uint(const struct ynode *n, const char *key, uint64_t min, uint64_t max, uint64_t *ret, struct err *err)
{
	uint64_t v;
	if (!is_value(n) || !str_to_u64(n->text, &v))
		return bind_expected(n, key, "a number", err);
	if (v < min || (max && v > max)) {
		char what[80];
		if (max)
			snprintf(what, sizeof what, "a number from %ju to %ju", (uintmax_t)min, (uintmax_t)max);
		else
			snprintf(what, sizeof what, "a number of at least %ju", (uintmax_t)min);
		return bind_expected(n, key, what, err);
	}
	*ret = v;
	return 0;
}

int bind_bool(const struct ynode *n, const char *key, bool *ret, struct err *err)
{
	if (n->kind == Y_SCALAR && (!strcmp(n->text, "true") || !strcmp(n->text, "false"))) {
		*ret = n->text[0] == 't';
		return 0;
	}
	return bind_expected(n, key, "true or false", err);
}

int bind_size(const struct ynode *n, const char *key, uint64_t *ret, struct err *err)
{
	if (!is_value(n) || !str_to_bytes(n->text, ret))
		return bind_expected(n, key, "a size such as 512M or 2G", err);
	return 0;
}

int bind_ms(const struct ynode *n, const char *key, uint64_t *ret, struct err *err)
{
	if (!is_value(n) || !str_to_ms(n->text, ret))
		return bind_expected(n, key, "a duration such as 30s or 5m", err);
	return 0;
}

int bind_ident(const struct ynode *n, const char *key, const char **ret, struct err *err)
{
	if (!is_value(n) || !bind_is_ident(n->text))
		return bind_expected(n, key, "a name of a-z, 0-9 and - that begins with a letter", err);
	*ret = n->text;
	return 0;
}

static int bind_mode(const struct ynode *n, const char *key, unsigned *ret, struct err *err)
{
	if (!is_value(n) || !n->text[0] || n->text[strspn(n->text, "01234567")] || strlen(n->text) > 5)
		return bind_expected(n, key, "an octal file mode such as 0644", err);
	unsigned long v = strtoul(n->text, NULL, 8);
	if (v > 07777)
		return bind_expected(n, key, "an octal file mode of at most 7777", err);
	*ret = (unsigned)v;
	return 0;
}

static int bind_enum(const struct ynode *n, const struct field *f, const char **ret, struct err *err)
{
	if (n->kind == Y_SCALAR)
		for (const char *const *s = f->names; *s; s++)
			if (!strcmp(*s, n->text)) {
				*ret = *s;
				return 0;
			}
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	strvec_add_all(&names, f->names);
	_cleanup_free_ char *list = strvec_join(&names, ", ");
	_cleanup_free_ char *what = xasprintf(names.n > 1 ? "one of %s" : "%s", list);
	bind_expected(n, f->key, what, err);
	const char *near = n->kind == Y_SCALAR ? str_nearest(n->text, f->names) : NULL;
	return near ? err_hint(err, "did you mean '%s'?", near) : -1;
}

static int bind_scalars(struct arena *arena, const struct ynode *n, const struct field *f, void *out, struct err *err)
{
	if (n->kind != Y_LIST)
		return bind_expected(n, f->key, "a list", err);
	for (size_t i = 0; i < n->n; i++) {
		const struct ynode *item = n->items[i];
		const char *name;
		uint64_t number;
		if (f->type == BIND_STRS && !is_value(item))
			return bind_expected(item, f->key, "a text", err);
		if (f->type == BIND_IDENTS && bind_ident(item, f->key, &name, err) < 0)
			return -1;
		if (f->type == BIND_UINTS && bind_uint(item, f->key, f->min, f->max, &number, err) < 0)
			return -1;
	}
	struct ylist list = {.v = n->items, .n = n->n};
	(void)arena;
	memcpy(out, &list, sizeof list);
	return 0;
}

static int bind_scalar_map(const struct ynode *n, const struct field *f, void *out, struct err *err)
{
	if (n->kind != Y_MAP)
		return bind_expected(n, f->key, "a mapping", err);
	for (size_t i = 0; i < n->n; i++)
		if (!is_value(n->pairs[i].value))
			return bind_expected(n->pairs[i].value, n->pairs[i].key->text, "a text", err);
	struct ymap map = {.v = n->pairs, .n = n->n};
	memcpy(out, &map, sizeof map);
	return 0;
}

/* A bare scalar for a struct: the mapping {scalar_as: scalar}, at the scalar's place. */
static const struct ynode *as_mapping(struct arena *arena, const struct ynode *n, const struct field *f)
{
	if (n->kind == Y_MAP || !f->scalar_as || !is_value(n))
		return n;
	struct ynode *key = ARENA_NEW(arena, struct ynode), *map = ARENA_NEW(arena, struct ynode);
	*key = *n;
	key->text = f->scalar_as;
	*map = (struct ynode){.kind = Y_MAP, .line = n->line, .column = n->column, .file = n->file, .n = 1};
	map->pairs = ARENA_NEW(arena, struct ypair);
	map->pairs[0] = (struct ypair){.key = key, .value = n};
	return map;
}

static int bind_struct(
	struct arena *arena, const struct ynode *n, const struct field *f, const char *key, void *out, struct err *err)
{
	const struct ynode *map = as_mapping(arena, n, f);
	if (map->kind != Y_MAP)
		return bind_expected(n, key, f->scalar_as ? "a text or a mapping" : "a mapping", err);
	if (f->init)
		memcpy(out, f->init, f->size);
	return bind_map(arena, map, f->fields, out, err);
}

static int bind_structs(struct arena *arena, const struct ynode *n, const struct field *f, void *out, struct err *err)
{
	bool named = f->type == BIND_NAMED;
	if (n->kind != (named ? Y_MAP : Y_LIST))
		return bind_expected(n, f->key, named ? "a mapping" : "a list", err);
	struct {
		void *v;
		size_t n;
	} list = {.v = arena_alloc(arena, (n->n + 1) * f->size), .n = n->n};
	for (size_t i = 0; i < n->n; i++) {
		char *item = (char *)list.v + i * f->size;
		const struct ynode *value = named ? n->pairs[i].value : n->items[i];
		const struct ynode *key = named ? n->pairs[i].key : NULL;
		const char *name = key ? key->text : NULL;
		if (key && f->loose_name && !is_loose_ident(name))
			return bind_expected(key, f->key, "a name of a-z, 0-9, _ and - that begins with a letter", err);
		if (key && !f->any_name && !f->loose_name && bind_ident(key, f->key, &name, err) < 0)
			return -1;
		if (bind_struct(arena, value, f, key ? name : f->key, item, err) < 0)
			return -1;
		if (key)
			memcpy(item, &name, sizeof name);
	}
	memcpy(out, &list, sizeof list);
	return 0;
}

static int bind_ptr(struct arena *arena, const struct ynode *n, const struct field *f, void *out, struct err *err)
{
	void *p = arena_alloc(arena, f->size);
	if (bind_struct(arena, n, f, f->key, p, err) < 0)
		return -1;
	memcpy(out, &p, sizeof p);
	return 0;
}

static int bind_field(struct arena *arena, const struct ynode *n, const struct field *f, void *out, struct err *err)
{
	switch (f->type) {
	case BIND_STR:
		if (!is_value(n))
			return bind_expected(n, f->key, "a text", err);
		*(const char **)out = n->text;
		return 0;
	case BIND_IDENT:
		return bind_ident(n, f->key, out, err);
	case BIND_ENUM:
		return bind_enum(n, f, out, err);
	case BIND_UINT:
		return bind_uint(n, f->key, f->min, f->max, out, err);
	case BIND_BOOL:
		return bind_bool(n, f->key, out, err);
	case BIND_SIZE:
		return bind_size(n, f->key, out, err);
	case BIND_MS:
		return bind_ms(n, f->key, out, err);
	case BIND_MODE:
		return bind_mode(n, f->key, out, err);
	case BIND_SCALAR:
		if (!is_value(n))
			return bind_expected(n, f->key, "a text", err);
		*(const struct ynode **)out = n;
		return 0;
	case BIND_NODE:
	case BIND_SELF:
		*(const struct ynode **)out = n;
		return 0;
	case BIND_STRS:
	case BIND_IDENTS:
	case BIND_UINTS:
		return bind_scalars(arena, n, f, out, err);
	case BIND_MAP:
		return bind_scalar_map(n, f, out, err);
	case BIND_STRUCT:
		return bind_struct(arena, n, f, f->key, out, err);
	case BIND_PTR:
		return bind_ptr(arena, n, f, out, err);
	case BIND_LIST:
	case BIND_NAMED:
		return bind_structs(arena, n, f, out, err);
	}
	return 0;
}

static int unknown_key(const struct ynode *key, const struct field *fields, struct err *err)
{
	VEC(const char *) names = {0};
	for (const struct field *f = fields; f->key; f++)
		if (f->type != BIND_SELF)
			vec_push(&names, f->key);
	vec_push(&names, NULL);
	ynode_err(key, err, "%s: unknown key", key->text);
	bind_hint(err, key->text, names.v);
	vec_release(&names);
	return -1;
}

int bind_map(struct arena *arena, const struct ynode *node, const struct field *fields, void *out, struct err *err)
{
	if (node->kind != Y_MAP)
		return ynode_err(node, err, "expected a mapping, found %s", ynode_describe(node));
	for (size_t i = 0; i < node->n; i++) {
		const struct ypair *p = &node->pairs[i];
		const struct field *f = fields;
		while (f->key && (f->type == BIND_SELF || strcmp(f->key, p->key->text) != 0))
			f++;
		if (!f->key)
			return unknown_key(p->key, fields, err);
		if (bind_field(arena, p->value, f, (char *)out + f->offset, err) < 0)
			return -1;
	}
	for (const struct field *f = fields; f->key; f++) {
		if (f->type == BIND_SELF)
			*(const struct ynode **)((char *)out + f->offset) = node;
		else if (f->required && !ynode_get(node, f->key))
			return ynode_err(node, err, "%s: missing", f->key);
	}
	return 0;
}
