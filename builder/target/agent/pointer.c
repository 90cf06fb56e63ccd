#include "target/agent/pointer.h"
#include "base/str.h"

/* One part between slashes, with ~1 for "/" and ~0 for "~". */
static bool unescape(const char *s, size_t n, struct strbuf *out)
{
	strbuf_adds(out, "");
	for (size_t i = 0; i < n; i++) {
		if (s[i] != '~') {
			strbuf_addc(out, s[i]);
			continue;
		}
		if (++i == n || (s[i] != '0' && s[i] != '1'))
			return false;
		strbuf_addc(out, s[i] == '1' ? '/' : '~');
	}
	return true;
}

static const json_t *member(const json_t *j, const char *key)
{
	uint64_t i;
	if (json_is_object(j))
		return json_object_get(j, key);
	if (!json_is_array(j) || !str_to_u64(key, &i) || (key[0] == '0' && key[1]))
		return NULL;
	return json_array_get(j, (size_t)i);
}

const json_t *json_pointer(const json_t *root, const char *pointer)
{
	if (!pointer || (*pointer && *pointer != '/'))
		return NULL;
	while (root && *pointer) {
		size_t n = strcspn(++pointer, "/");
		_cleanup_strbuf_ struct strbuf key = STRBUF_INIT;
		root = unescape(pointer, n, &key) ? member(root, key.s) : NULL;
		pointer += n;
	}
	return root;
}
