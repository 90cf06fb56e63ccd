/*
 * Memory and ownership. The x* functions end the program when memory is out (nothing sensible can follow);
 * the cleanup attributes release a handle at the end of its scope; steal() hands it over.
 */
#pragma once
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t n) __attribute__((returns_nonnull));
/* realloc to n elements of `size`, with overflow check. */
void *xreallocarray(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...) __attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

/* An arena: everything allocated from it lives until arena_release. For parsed data that lives and dies together. */
struct arena {
	struct arena_block *head;
};
void *arena_alloc(struct arena *a, size_t n) __attribute__((returns_nonnull)); /* zeroed, aligned for any type */
char *arena_strdup(struct arena *a, const char *s) __attribute__((returns_nonnull));
char *arena_strndup(struct arena *a, const char *s, size_t n) __attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((returns_nonnull, format(printf, 2, 3)));
void arena_release(struct arena *a);
#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))

#define steal(p)                                                                                                       \
	__extension__({                                                                                                \
		__typeof__(p) steal_tmp_ = (p);                                                                        \
		(p) = NULL;                                                                                            \
		steal_tmp_;                                                                                            \
	})
static inline int steal_fd(int *fd)
{
	int f = *fd;
	*fd = -1;
	return f;
}

void cleanup_free(void *p);
void cleanup_fd(int *fd);
void cleanup_file(FILE **f);
#define _cleanup_free_ __attribute__((cleanup(cleanup_free)))
#define _cleanup_fd_ __attribute__((cleanup(cleanup_fd)))
#define _cleanup_file_ __attribute__((cleanup(cleanup_file)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
