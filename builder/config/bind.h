/*
 * YAML mappings into C structs, by tables. A reader says once which keys a mapping has, their types and where they go:
 *
 *	struct disk { const char *name; uint64_t size; bool spare; };
 *	static const struct field disk_fields[] = {
 *		FIELD(struct disk, name, IDENT, .required = true),
 *		FIELD(struct disk, size, SIZE),
 *		FIELD(struct disk, spare, BOOL),
 *		FIELD_END};
 *	struct disk d = {.size = 1 << 30};		values beforehand are the defaults
 *	bind_map(&arena, node, disk_fields, &d, err)
 *
 * Unknown keys are errors that offer the nearest known one; wrong values are "file:line:column: KEY: expected X, found
 *Y". What is bound points into the nodes' arena.
 */
#pragma once
#include "config/yaml.h"
#include <stdint.h>

enum bind_type {
	BIND_STR,    /* const char *: any scalar but null */
	BIND_IDENT,  /* const char *: [a-z][a-z0-9-]*, at most 63 bytes */
	BIND_ENUM,   /* const char *: one of .names */
	BIND_UINT,   /* uint64_t in .min .. .max (0: no limit) */
	BIND_BOOL,   /* bool: true or false */
	BIND_SIZE,   /* uint64_t: bytes, "512M" */
	BIND_MS,     /* uint64_t: milliseconds, "30s" */
	BIND_MODE,   /* unsigned: octal file mode, at most 07777 */
	BIND_SCALAR, /* const struct ynode *: a scalar with its place, for text that is evaluated later */
	BIND_NODE,   /* const struct ynode *: anything */
	BIND_STRS,   /* struct ylist: a list of scalars */
	BIND_IDENTS, /* struct ylist: a list of identifiers */
	BIND_UINTS,  /* struct ylist: a list of numbers in .min .. .max */
	BIND_MAP,    /* struct ymap: any names to scalars */
	BIND_STRUCT, /* a struct in place, by .fields */
	BIND_PTR,    /* a pointer to a new struct, NULL when the key is absent; .fields, .size */
	BIND_LIST,   /* struct blist: a list of mappings; .fields, .size */
	BIND_NAMED,  /* struct blist: a mapping of names to mappings; the struct begins with `const char *name` */
	BIND_SELF,   /* const struct ynode *: the mapping itself (FIELD_SELF) */
};

struct ylist { /* scalars */
	const struct ynode **v;
	size_t n;
};
struct ymap { /* names to scalars */
	struct ypair *v;
	size_t n;
};
/* Lists of structs: declare the member as  BLIST(struct disk) disks;  and walk  disks.v[0 .. disks.n - 1]. */
#define BLIST(type)                                                                                                    \
	struct {                                                                                                       \
		type *v;                                                                                               \
		size_t n;                                                                                              \
	}

struct field {
	const char *key;
	enum bind_type type;
	size_t offset;
	bool required;
	bool loose_name;	    /* BIND_NAMED: names may have _ as well */
	bool any_name;		    /* BIND_NAMED: names are free text (paths), not identifiers */
	uint64_t min, max;	    /* BIND_UINT, BIND_UINTS; max 0: none */
	const char *const *names;   /* BIND_ENUM: NULL-terminated */
	const struct field *fields; /* BIND_STRUCT, PTR, LIST, NAMED */
	size_t size;		    /* BIND_PTR, LIST, NAMED: of one struct */
	const void *init;	    /* BIND_PTR, LIST, NAMED: defaults to copy into a new struct, or NULL */
	const char *scalar_as; /* BIND_STRUCT, PTR, LIST, NAMED: a bare scalar stands for a mapping with this key */
};
#define FIELD_AS(k, T, member, kind, ...)                                                                              \
	{                                                                                                              \
		.key = (k), .type = BIND_##kind, .offset = offsetof(T, member), __VA_ARGS__                            \
	}
#define FIELD(T, member, kind, ...) FIELD_AS(#member, T, member, kind, __VA_ARGS__)
/* The sub-structs: table `t` of struct T2 that is held in T.member. */
#define FIELD_SUB(T, member, kind, T2, t, ...)                                                                         \
	FIELD_AS(#member, T, member, kind, .fields = (t), .size = sizeof(T2), __VA_ARGS__)
#define FIELD_SELF(T, member)                                                                                          \
	{                                                                                                              \
		.key = "", .type = BIND_SELF, .offset = offsetof(T, member)                                            \
	}
#define FIELD_END                                                                                                      \
	{                                                                                                              \
		.key = NULL                                                                                            \
	}

/* Fill `out` from a mapping. */
int bind_map(struct arena *arena, const struct ynode *node, const struct field *fields, void *out, struct err *err);

/* Single values, with the same errors; `key` is what the error calls them. */
int bind_uint(const struct ynode *n, const char *key, uint64_t min, uint64_t max, uint64_t *ret, struct err *err);
int bind_bool(const struct ynode *n, const char *key, bool *ret, struct err *err);
int bind_size(const struct ynode *n, const char *key, uint64_t *ret, struct err *err);
int bind_ms(const struct ynode *n, const char *key, uint64_t *ret, struct err *err);
int bind_ident(const struct ynode *n, const char *key, const char **ret, struct err *err);
bool bind_is_ident(const char *s);
/* "file:line:column: KEY: expected WHAT, found ...". Always returns -1. */
int bind_expected(const struct ynode *n, const char *key, const char *what, struct err *err);
/* Hint at the nearest of the NULL-terminated names, or list them when few. Always returns -1. */
int bind_hint(struct err *err, const char *word, const char *const *names);
