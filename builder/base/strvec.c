#include "base/mem.h"
#include "base/str.h"
#include <string.h>

void strvec_take(struct strvec *v, char *s)
{
	if (v->n + 2 > v->cap) {
		v->cap = v->cap ? v->cap * 2 : 16;
		v->v = xreallocarray(v->v, v->cap, sizeof *v->v);
	}
	v->v[v->n++] = s;
	v->v[v->n] = NULL;
}

void strvec_add(struct strvec *v, const char *s)
{
	strvec_take(v, xstrdup(s));
}

void strvec_addf(struct strvec *v, const char *fmt, ...)
{
	struct strbuf b = STRBUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&b, fmt, ap);
	va_end(ap);
	strvec_take(v, strbuf_steal(&b));
}

void strvec_addl(struct strvec *v, ...)
{
	va_list ap;
	const char *s;

	va_start(ap, v);
	while ((s = va_arg(ap, const char *)))
		strvec_add(v, s);
	va_end(ap);
}

void strvec_add_all(struct strvec *v, const char *const *list)
{
	for (; *list; list++)
		strvec_add(v, *list);
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strvec_sort(struct strvec *v)
{
	if (v->n > 1)
		qsort(v->v, v->n, sizeof *v->v, by_bytes);
}

void strvec_uniq(struct strvec *v)
{
	size_t k = 0;

	for (size_t i = 0; i < v->n; i++) {
		if (k && strcmp(v->v[k - 1], v->v[i]) == 0)
			free(v->v[i]);
		else
			v->v[k++] = v->v[i];
	}
	v->n = k;
	if (v->v)
		v->v[k] = NULL;
}

bool strvec_has(const struct strvec *v, const char *s)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->v[i], s) == 0)
			return true;
	return false;
}

char *strvec_join(const struct strvec *v, const char *sep)
{
	struct strbuf b = STRBUF_INIT;

	for (size_t i = 0; i < v->n; i++) {
		if (i)
			strbuf_adds(&b, sep);
		strbuf_adds(&b, v->v[i]);
	}
	return strbuf_steal(&b);
}

void strvec_release(struct strvec *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->v[i]);
	free(v->v);
	*v = STRVEC_INIT;
}

void str_split(struct strvec *out, const char *s, const char *seps)
{
	while (*(s += strspn(s, seps))) {
		size_t n = strcspn(s, seps);
		strvec_take(out, xstrndup(s, n));
		s += n;
	}
}
