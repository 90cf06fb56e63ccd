/* Nodes of the user's files, evaluated: what most keys need. */
#include "base/str.h"
#include "base/vec.h"
#include "plan/planner.h"
#include "plan/rt.h"

void list_add(struct arena *arena, struct str_list *l, const char *s)
{
	const char **v = arena_alloc(arena, (l->n + 2) * sizeof *v);
	if (l->n)
		memcpy(v, l->v, l->n * sizeof *v);
	v[l->n++] = s;
	l->v = v;
}

bool list_has(const struct str_list *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i], s))
			return true;
	return false;
}

int eval_node(const struct scope *s, const struct ynode *n, const char *what, struct value *ret, struct err *err)
{
	struct place at = place_of(n, what);
	return eval_text(s, &at, n->text, ret, err);
}

int eval_if(const struct scope *s, const struct ynode *when, bool *ret, struct err *err)
{
	*ret = true;
	if (!when)
		return 0;
	struct place at = place_of(when, "if");
	return eval_cond(s, &at, when->text, ret, err);
}

int eval_public(const struct scope *s, const struct ynode *n, const char *what, const char **ret, struct err *err)
{
	struct place at = place_of(n, what);
	struct value v;
	if (eval_text(s, &at, n->text, &v, err) < 0)
		return -1;
	if (v.secret)
		return leak_err(&at, &v, err);
	*ret = v.text;
	return 0;
}

int eval_known(const struct scope *s, const struct ynode *n, const char *what, const char **ret, struct err *err)
{
	if (eval_public(s, n, what, ret, err) < 0)
		return -1;
	if (rtext_has_reference(*ret))
		return ynode_err(n, err, "%s: '%s' is known only on the machine", what, n->text);
	*ret = rtext_literal(s->pl->arena, *ret);
	return 0;
}

/* A copy of the node with its text evaluated, for the single-value readers of bind.h. */
static int known_node(
	const struct scope *s, const struct ynode *n, const char *what, struct ynode *ret, struct err *err)
{
	*ret = *n;
	return eval_known(s, n, what, &ret->text, err);
}

int eval_number(const struct scope *s, const struct ynode *n, const char *what, uint64_t min, uint64_t max,
	uint64_t *ret, struct err *err)
{
	struct ynode k;
	return known_node(s, n, what, &k, err) < 0 ? -1 : bind_uint(&k, what, min, max, ret, err);
}

int eval_size(const struct scope *s, const struct ynode *n, const char *what, uint64_t *ret, struct err *err)
{
	struct ynode k;
	return known_node(s, n, what, &k, err) < 0 ? -1 : bind_size(&k, what, ret, err);
}

static int eval_list(const struct scope *s, const struct ylist *in, const char *what,
	int (*one)(const struct scope *, const struct ynode *, const char *, const char **, struct err *),
	struct str_list *out, struct err *err)
{
	out->n = 0;
	out->v = arena_alloc(s->pl->arena, (in->n + 1) * sizeof *out->v);
	for (size_t i = 0; i < in->n; i++)
		if (one(s, in->v[i], what, &out->v[out->n++], err) < 0)
			return -1;
	return 0;
}

int eval_publics(const struct scope *s, const struct ylist *in, const char *what, struct str_list *out, struct err *err)
{
	return eval_list(s, in, what, eval_public, out, err);
}

int eval_knowns(const struct scope *s, const struct ylist *in, const char *what, struct str_list *out, struct err *err)
{
	return eval_list(s, in, what, eval_known, out, err);
}

int eval_map(const struct scope *s, const struct ymap *in, bool secrets, struct kv_list *out, struct err *err)
{
	out->n = 0;
	out->v = arena_alloc(s->pl->arena, (in->n + 1) * sizeof *out->v);
	for (size_t i = 0; i < in->n; i++) {
		const char *key = in->v[i].key->text;
		struct place at = place_of(in->v[i].value, key);
		struct value v;
		if (eval_text(s, &at, in->v[i].value->text, &v, err) < 0)
			return -1;
		if (v.secret && !secrets)
			return leak_err(&at, &v, err);
		out->v[out->n++] = (struct kv){.key = key, .value = v.text, .secret = v.secret};
	}
	return 0;
}
