#include "oci/storefmt.h"
#include "base/base64.h"
#include "base/json.h"
#include <string.h>

void store_layer_id(const char *parent, const char *diff_id, char out[HASH_HEX])
{
	if (!parent) {
		memcpy(out, diff_id, HASH_HEX);
		return;
	}
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	strbuf_addf(&text, "%s+%s", parent, diff_id);
	hash_bytes(text.s, text.len, out);
}

void store_link_name(const char *layer_id, char out[STORE_LINK])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"; /* base32, RFC 4648 */
	uint8_t raw[32];
	struct hash *h = hash_new();
	hash_add(h, "link:", 5);
	hash_add(h, layer_id, strlen(layer_id));
	hash_end_raw(h, raw);
	unsigned bits = 0, have = 0;
	const uint8_t *p = raw;
	for (size_t i = 0; i < STORE_LINK - 1; i++) {
		if (have < 5) {
			bits = bits << 8 | *p++;
			have += 8;
		}
		have -= 5;
		out[i] = digits[bits >> have & 31];
	}
	out[STORE_LINK - 1] = '\0';
}

void store_item_name(struct strbuf *out, const char *key)
{
	if (key[strspn(key, ".0123456789abcdefghijklmnopqrstuvwxyz")] == '\0') {
		strbuf_adds(out, key);
		return;
	}
	strbuf_addc(out, '=');
	base64_add(out, key, strlen(key));
}

void store_add_item(struct store_record *r, const char *key, const char *digest, const char *data, size_t len)
{
	struct store_item new = {.data = data, .len = len};
	snprintf(new.key, sizeof new.key, "%s%s", key, str_ends(key, ":") ? digest : "");
	memcpy(new.digest, digest, HASH_HEX);
	for (size_t i = 0; i < r->items.n; i++)
		if (str_eq(r->items.v[i].key, new.key))
			return;
	vec_push(&r->items, new);
}

static json_t *id_array(const uint32_t *ids, size_t n)
{
	json_t *a = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(a, json_integer(ids[i]));
	return a;
}

char *store_layers_json(const struct store *s)
{
	_cleanup_json_ json_t *all = json_array();
	for (size_t i = 0; i < s->layers.n; i++) {
		const struct store_layer *l = &s->layers.v[i];
		bool blob = l->blob && !l->src;
		json_t *j = json_pack("{s:s, s:s, s:s+, s:I, s:s+, s:I, s:o, s:o}", "id", l->id, "created",
			"1970-01-01T00:00:00Z", "compressed-diff-digest",
			"sha256:", blob ? l->blob->digest : l->info.diff_id, "compressed-size",
			(json_int_t)(blob ? l->blob->size : l->info.size), "diff-digest", "sha256:", l->info.diff_id,
			"diff-size", (json_int_t)l->info.size, "uidset", id_array(l->info.uids, l->info.n_uids),
			"gidset", id_array(l->info.gids, l->info.n_gids));
		/* A tree's layer is its own blob: not compressed, which podman writes by leaving "compression" out. */
		if (blob && l->form != BLOB_PLAIN)
			json_object_set_new(j, "compression", json_integer(l->form));
		if (l->parent != STORE_NO_PARENT)
			json_object_set_new(j, "parent", json_string(s->layers.v[l->parent].id));
		json_array_append_new(all, j);
	}
	return json_compact(all);
}

static json_t *image_record(const struct store *s, const struct store_record *r)
{
	json_t *names = json_array(), *keys = json_array(), *sizes = json_object(), *digests = json_object();
	for (size_t i = 0; i < r->names.n; i++)
		json_array_append_new(names, json_string(r->names.v[i]));
	for (size_t i = 0; i < r->items.n; i++) {
		const struct store_item *item = &r->items.v[i];
		json_array_append_new(keys, json_string(item->key));
		json_object_set_new(sizes, item->key, json_integer((json_int_t)item->len));
		json_object_set_new(digests, item->key, json_sprintf("sha256:%s", item->digest));
	}
	return json_pack("{s:s, s:s+, s:o, s:s, s:s, s:o, s:o, s:o, s:s}", "id", r->image.id, "digest",
		"sha256:", r->image.digest, "names", names, "layer", s->layers.v[r->chain.v[r->chain.n - 1]].id,
		"metadata", "{}", "big-data-names", keys, "big-data-sizes", sizes, "big-data-digests", digests,
		"created", r->image.created);
}

char *store_images_json(const struct store *s)
{
	_cleanup_json_ json_t *all = json_array();
	for (size_t i = 0; i < s->records.n; i++)
		json_array_append_new(all, image_record(s, &s->records.v[i]));
	return json_compact(all);
}
