/*
 * YAML 1.2 documents as a tree of nodes that know their place, so that every later complaint can say file:line:column.
 * The subset is what configuration needs: one document, string keys, no anchors, aliases or tags (an alias would let a
 * small file grow without bound, a tag has no meaning here). Scalars are text; their type is the reader's business
 * (bind.h).
 */
#pragma once
#include "base/err.h"
#include "base/mem.h"
#include <stdbool.h>
#include <stddef.h>

enum ynode_kind { Y_SCALAR, Y_LIST, Y_MAP };

struct ynode;
struct ypair {
	const struct ynode *key; /* a scalar */
	const struct ynode *value;
};
struct ynode {
	enum ynode_kind kind;
	bool quoted;		    /* a scalar written in quotes or as a block: never null, number or boolean */
	unsigned line, column;	    /* from 1 */
	const char *file;	    /* as given by the caller */
	const char *text;	    /* scalars; without NUL bytes */
	const struct ynode **items; /* lists */
	struct ypair *pairs;	    /* mappings, in the order of the file; no key twice */
	size_t n;		    /* items or pairs */
};

/* Parse a file (at most 4 MiB) or text in memory. Nodes live in the arena. `name` is what errors call the file. */
const struct ynode *yaml_load(struct arena *arena, const char *path, const char *name, struct err *err);
const struct ynode *yaml_parse(struct arena *arena, const char *text, size_t len, const char *name, struct err *err);

/*
 * Is a text YAML at all? For files of other programs, with all that YAML allows. 0, or -1 with the place and the
 * parser's words (static) in *ret_line, *ret_column, *ret_problem.
 */
int yaml_check(const char *text, size_t len, unsigned *ret_line, unsigned *ret_column, const char **ret_problem);

/* The value of a key of a mapping, or NULL. */
const struct ynode *ynode_get(const struct ynode *map, const char *key);
/* An unquoted empty scalar, "~" or "null". */
bool ynode_is_null(const struct ynode *n);
/* "a list", "nothing", "'abc'": what was found, for errors. In a small static ring. */
const char *ynode_describe(const struct ynode *n);
/* Set an ERR_CONFIG error at a node: "file:line:column: ...". Always returns -1. */
int ynode_err(const struct ynode *n, struct err *err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
