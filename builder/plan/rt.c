#include "plan/rt.h"
#include "base/filter.h"
#include "base/str.h"

const char *rtext_escape(struct arena *arena, const char *literal)
{
	if (!strstr(literal, "${"))
		return arena_strdup(arena, literal);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	for (const char *s = literal; *s; s++) {
		if (s[0] == '$' && s[1] == '{')
			strbuf_addc(&b, '$');
		strbuf_addc(&b, *s);
	}
	return arena_strdup(arena, strbuf_cstr(&b));
}

/* The next reference at or after s, skipping "$${"; NULL when there is none. */
static const char *next_reference(const char *s)
{
	for (; *s; s++) {
		if (!strncmp(s, "$${", 3))
			s += 2;
		else if (!strncmp(s, "${", 2))
			return s;
	}
	return NULL;
}

bool rtext_has_reference(const char *rt)
{
	return next_reference(rt) != NULL;
}

/* Add [from, to) with "$${" as "${". */
static void add_literal(struct strbuf *b, const char *from, const char *to)
{
	for (const char *s = from; s < to; s++) {
		if (to - s >= 3 && !strncmp(s, "$${", 3))
			s++;
		strbuf_addc(b, *s);
	}
}

const char *rtext_literal(struct arena *arena, const char *rt)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	add_literal(&b, rt, rt + strlen(rt));
	return arena_strdup(arena, strbuf_cstr(&b));
}

/* The crypt filters are the machine's: their salt comes from the reference. */
static char *apply_known(const char *literal, const char *filter)
{
	_cleanup_err_ struct err err = ERR_INIT;
	char *out = NULL;
	if (str_ends(filter, "crypt") || filter_apply(filter, literal, "", &out, &err) < 0)
		return NULL;
	return out;
}

const char *rtext_filter(struct arena *arena, const char *rt, const char *filter)
{
	_cleanup_free_ char *known = rtext_has_reference(rt) ? NULL : apply_known(rtext_literal(arena, rt), filter);
	if (known)
		return rtext_escape(arena, known);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	size_t len = strlen(rt);
	const char *end = strchr(rt, '}');
	if (str_starts(rt, "${") && end == rt + len - 1) {
		strbuf_add(&b, rt, len - 1);
	} else {
		_cleanup_free_ char *encoded = apply_known(rt, "url");
		strbuf_addf(&b, "${text:%s", encoded);
	}
	strbuf_addf(&b, "|%s}", filter);
	return arena_strdup(arena, strbuf_cstr(&b));
}

/* What stands for one reference "kind:name|filter|..." in a check. */
static char *sample_of(const char *ref, size_t len)
{
	_cleanup_free_ char *copy = xstrndup(ref, len);
	char *filters = strchr(copy, '|');
	if (filters)
		*filters++ = '\0';
	char *value = xstrdup(str_starts(copy, "address:")	  ? "192.0.2.11"
			      : str_starts(copy, "fact:domain")	  ? "kiln.internal"
			      : str_starts(copy, "fact:hostname") ? "appliance"
								  : "5a17c0de5a17c0de");
	_cleanup_strvec_ struct strvec list = STRVEC_INIT;
	if (filters)
		str_split(&list, filters, "|");
	for (size_t i = 0; i < list.n; i++) {
		char *filtered = apply_known(value, list.v[i]);
		if (filtered) {
			free(value);
			value = filtered;
		}
	}
	return value;
}

char *rtext_sample(const char *rt)
{
	struct strbuf b = STRBUF_INIT;
	for (;;) {
		const char *ref = next_reference(rt), *end = ref ? strchr(ref, '}') : NULL;
		if (!end)
			break;
		add_literal(&b, rt, ref);
		_cleanup_free_ char *sample = sample_of(ref + 2, (size_t)(end - ref) - 2);
		strbuf_adds(&b, sample);
		rt = end + 1;
	}
	add_literal(&b, rt, rt + strlen(rt));
	return b.s ? strbuf_steal(&b) : xstrdup("");
}
