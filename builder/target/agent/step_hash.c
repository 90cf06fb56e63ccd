#include "target/agent/step_hash.h"
#include "base/json.h"
#include "target/agent/text.h"

bool step_is_fresh(const json_t *step)
{
	return json_is_true(json_object_get(step, "fresh"));
}

/* The ids of what the fresh steps before step i save. */
static void fresh_names(const struct provision *p, size_t i, struct strvec *out)
{
	static const char *const kinds[] = {"save", "note"};
	const char *name;
	json_t *pointer;
	for (size_t k = 0; k < 2 * i; k++) {
		const json_t *step = json_array_get(p->steps, k / 2);
		const json_t *names = json_object_get(json_object_get(step, "http"), kinds[k % 2]);
		if (step_is_fresh(step))
			json_object_foreach((json_t *)names, name, pointer)
				strvec_addf(out, "${saved:%s/%s", p->service, name);
	}
}

/* The text with these references as they stand. */
static char *kept_as_names(const char *text, const struct strvec *names)
{
	struct strbuf b = STRBUF_INIT;
	strbuf_adds(&b, "");
	for (const char *p = text; *p; p++) {
		for (size_t i = 0; i < names->n; i++) {
			size_t n = strlen(names->v[i]);
			if (!strncmp(p, names->v[i], n) && (p[n] == '|' || p[n] == '}'))
				strbuf_addc(&b, '$');
		}
		strbuf_addc(&b, *p);
	}
	return strbuf_steal(&b);
}

static json_t *with_names(const json_t *j, const struct strvec *names)
{
	const char *key;
	json_t *v;
	if (json_is_string(j)) {
		_cleanup_free_ char *text = kept_as_names(json_string_value(j), names);
		return json_string(text);
	}
	if (json_is_object(j)) {
		json_t *out = json_object();
		json_object_foreach((json_t *)j, key, v) json_object_set_new(out, key, with_names(v, names));
		return out;
	}
	if (!json_is_array(j))
		return json_deep_copy(j);
	json_t *out = json_array();
	for (size_t i = 0; i < json_array_size(j); i++)
		json_array_append_new(out, with_names(json_array_get(j, i), names));
	return out;
}

int step_hash(const struct agent *a, const struct provision *p, size_t i, struct strvec *masks, char hash[HASH_HEX],
	struct err *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	fresh_names(p, i, &names);
	_cleanup_json_ json_t *lasting = with_names(json_array_get(p->steps, i), &names);
	_cleanup_json_ json_t *step = text_resolve_json(a, lasting, masks, err);
	if (!step)
		return -1;
	_cleanup_free_ char *text = json_canonical(step);
	hash_bytes(text, strlen(text), hash);
	return 0;
}
