/* Text: a growing buffer, a list of strings (argv), and a few questions about strings. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing, always NUL-terminated buffer. Zero-initialise with STRBUF_INIT. */
struct strbuf {
	char *s;    /* never NULL after the first add; use strbuf_cstr for an empty one */
	size_t len; /* without the NUL */
	size_t cap;
};
#define STRBUF_INIT ((struct strbuf){0})
void strbuf_add(struct strbuf *b, const void *data, size_t n);
void strbuf_addc(struct strbuf *b, char c);
void strbuf_adds(struct strbuf *b, const char *s);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strbuf_vaddf(struct strbuf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void strbuf_reset(struct strbuf *b); /* length 0, memory kept */
/*
 * Text from outside, made fit for terminals, XML and JSON: escape sequences (ECMA-48) are left out; other control
 * characters but tab and newline, what is not UTF-8, and what XML 1.0 cannot hold become U+FFFD.
 */
void strbuf_add_plain(struct strbuf *b, const char *s);
const char *strbuf_cstr(const struct strbuf *b);
char *strbuf_steal(struct strbuf *b); /* the caller frees it; the buffer is empty afterwards */
void strbuf_release(struct strbuf *b);
#define _cleanup_strbuf_ __attribute__((cleanup(strbuf_release)))

/* A list of owned strings, kept NULL-terminated, so that v.v is an argv. */
struct strvec {
	char **v;
	size_t n, cap;
};
#define STRVEC_INIT ((struct strvec){0})
void strvec_add(struct strvec *v, const char *s);
void strvec_addf(struct strvec *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strvec_addl(struct strvec *v, ...) __attribute__((sentinel)); /* strings, then NULL */
void strvec_add_all(struct strvec *v, const char *const *list);	   /* a NULL-terminated list */
void strvec_take(struct strvec *v, char *s);			   /* takes ownership */
void strvec_sort(struct strvec *v);				   /* by bytes */
void strvec_uniq(struct strvec *v);				   /* of a sorted list */
bool strvec_has(const struct strvec *v, const char *s);
char *strvec_join(const struct strvec *v, const char *sep); /* the caller frees it */
void strvec_release(struct strvec *v);
#define _cleanup_strvec_ __attribute__((cleanup(strvec_release)))
/* Split at any byte of `seps`; empty fields are left out. */
void str_split(struct strvec *out, const char *s, const char *seps);

bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
bool str_eq(const char *a, const char *b); /* NULL equals only NULL */
/* Decimal, whole string, no sign; false on anything else or overflow. */
bool str_to_u64(const char *s, uint64_t *ret);
/* The entry of the NULL-terminated `names` that is nearest to `word` (Damerau-Levenshtein), or NULL when none is near
 * enough to be meant. */
const char *str_nearest(const char *word, const char *const *names);
/* "1.5 GiB", in a static thread-local buffer of a small ring. */
const char *str_bytes(uint64_t n);
/* "4K", "512M", "2G", "1T" (powers of 1024) or plain bytes; false when malformed or over 2^63. */
bool str_to_bytes(const char *s, uint64_t *ret);
/* "500ms", "30s", "5m", "2h", "1d" or plain seconds, to milliseconds; false when malformed. */
bool str_to_ms(const char *s, uint64_t *ret);
