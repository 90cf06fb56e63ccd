#include "config/merge.h"
#include <string.h>

static const struct ynode *join_lists(struct arena *arena, const struct ynode *below, const struct ynode *above)
{
	struct ynode *n = ARENA_NEW(arena, struct ynode);
	*n = *above;
	n->n = 0;
	n->items = arena_alloc(arena, (below->n + above->n + 1) * sizeof *n->items);
	for (size_t i = 0; i < below->n + above->n; i++) {
		const struct ynode *item = i < below->n ? below->items[i] : above->items[i - below->n];
		bool twice = false;
		for (size_t k = 0; k < n->n && item->kind == Y_SCALAR; k++)
			twice |= n->items[k]->kind == Y_SCALAR && !strcmp(n->items[k]->text, item->text);
		if (!twice)
			n->items[n->n++] = item;
	}
	return n;
}

static const struct ynode *merge_value(struct arena *arena, const char *key, const struct ynode *below,
	const struct ynode *above, const char *const *joined)
{
	if (below->kind == Y_MAP && above->kind == Y_MAP)
		return ynode_merge(arena, below, above, joined);
	if (below->kind == Y_LIST && above->kind == Y_LIST)
		for (const char *const *j = joined; j && *j; j++)
			if (!strcmp(*j, key))
				return join_lists(arena, below, above);
	return above;
}

const struct ynode *ynode_merge(
	struct arena *arena, const struct ynode *below, const struct ynode *above, const char *const *joined)
{
	struct ynode *n = ARENA_NEW(arena, struct ynode);
	*n = *above;
	n->n = 0;
	n->pairs = arena_alloc(arena, (below->n + above->n + 1) * sizeof *n->pairs);
	for (size_t i = 0; i < below->n; i++) {
		const struct ypair *p = &below->pairs[i];
		const struct ynode *over = ynode_get(above, p->key->text);
		n->pairs[n->n++] = (struct ypair){.key = p->key,
			.value = over ? merge_value(arena, p->key->text, p->value, over, joined) : p->value};
	}
	for (size_t i = 0; i < above->n; i++)
		if (!ynode_get(below, above->pairs[i].key->text))
			n->pairs[n->n++] = above->pairs[i];
	return n;
}
