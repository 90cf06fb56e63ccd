#include "oci/upstream.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "oci/manifest.h"
#include "oci/storefmt.h"
#include <string.h>

static int check_digest(const char *what, const struct upstream_blob *b, struct err *err)
{
	char hex[HASH_HEX];
	hash_bytes(b->data, b->len, hex);
	if (strcmp(hex, b->digest))
		return err_set(err, ERR_VERIFY, "the %s is sha256:%s, not sha256:%s", what, hex, b->digest);
	return 0;
}

/* The index must lead to the manifest, or the image would answer to a digest that is not its own. */
static int check_index(const struct upstream_image *i, struct arena *arena, struct err *err)
{
	struct document d = {.text = i->index.data, .len = i->index.len, .name = "index"};
	struct blob_ref found;
	if (!i->index.data)
		return 0;
	if (check_digest("index", &i->index, err) || index_choose(&d, platform_of(i->arch), arena, &found, err))
		return -1;
	if (strcmp(found.digest, i->manifest.digest))
		return err_set(err, ERR_VERIFY, "the index has the manifest sha256:%s for %s, not sha256:%s",
			found.digest, i->arch, i->manifest.digest);
	return 0;
}

static int check_layers(const struct upstream_image *i, const struct image_pin *pin, struct err *err)
{
	if (pin->n_layers != i->n_layers)
		return err_set(
			err, ERR_VERIFY, "%zu layers are here, the manifest has %zu", i->n_layers, pin->n_layers);
	for (size_t k = 0; k < i->n_layers; k++) {
		const struct upstream_layer *l = &i->layers[k];
		const struct pin_layer *p = &pin->layers[k];
		if (strcmp(l->digest, p->blob.digest) || l->size != p->blob.size)
			return err_set(err, ERR_VERIFY, "layer %zu is not the one of the manifest", k + 1);
		if (strcmp(l->diff_id, p->diff_id))
			return err_set(err, ERR_VERIFY, "layer %zu has not the diff id of the config", k + 1);
	}
	return 0;
}

static int check(const struct upstream_image *i, struct arena *arena, struct err *err)
{
	struct document manifest = {.text = i->manifest.data, .len = i->manifest.len, .name = "manifest"};
	struct document config = {.text = i->config.data, .len = i->config.len, .name = "config"};
	struct image_pin pin = {0};
	const struct platform *platform = platform_of(i->arch);
	if (!platform)
		return err_set(
			err, ERR_CONFIG, "architecture %s has no name in the OCI specification known here", i->arch);
	if (check_digest("manifest", &i->manifest, err) || check_digest("config", &i->config, err) ||
		check_index(i, arena, err) || manifest_read(&manifest, arena, &pin, err))
		return -1;
	if (strcmp(pin.config.digest, i->config.digest) || pin.config.size != i->config.len)
		return err_set(err, ERR_VERIFY, "the config is not the one of the manifest");
	return config_read(&config, platform, arena, &pin, err) ? -1 : check_layers(i, &pin, err);
}

int upstream_check(const struct upstream_image *i, struct err *err)
{
	struct arena arena = {0};
	int r = check(i, &arena, err);
	arena_release(&arena);
	return r ? err_wrap(err, "image %s", i->reference) : 0;
}

/* Two digits at `s` within 0..max. */
static bool two(const char *s, int max)
{
	return s[0] >= '0' && s[0] <= '9' && s[1] >= '0' && s[1] <= '9' && (s[0] - '0') * 10 + s[1] - '0' <= max;
}

/* RFC 3339, as Go reads it: one time that it cannot read, and podman refuses all images of a store. */
static bool is_time(const char *s)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd";
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	for (size_t i = 0; form[i]; i++)
		if (form[i] == 'd' ? s[i] < '0' || s[i] > '9' : s[i] != form[i])
			return false;
	int year = atoi(s), month = atoi(s + 5), day = atoi(s + 8);
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	if (month < 1 || month > 12 || day < 1 || day > days[month - 1] + (month == 2 && leap) || !two(s + 11, 23) ||
		!two(s + 14, 59) || !two(s + 17, 59))
		return false;
	s += 19;
	if (*s == '.') {
		size_t digits = strspn(s + 1, "0123456789");
		if (!digits || digits > 9)
			return false;
		s += 1 + digits;
	}
	if (str_eq(s, "Z"))
		return true;
	return strlen(s) == 6 && (*s == '+' || *s == '-') && two(s + 1, 23) && s[3] == ':' && two(s + 4, 59);
}

static int read_created(const struct upstream_image *i, struct image *to, struct err *err)
{
	_cleanup_json_ json_t *config = json_parse(i->config.data, i->config.len, "config", err);
	if (!config)
		return -1;
	const json_t *created = json_object_get(config, "created");
	const char *text = created && !json_is_null(created) ? json_string_value(created) : "1970-01-01T00:00:00Z";
	if (!text || !is_time(text) || strlen(text) >= sizeof to->created)
		return err_set(err, ERR_VERIFY,
			"config: created: expected a time as in RFC 3339, at most %zu bytes long",
			sizeof to->created - 1);
	snprintf(to->created, sizeof to->created, "%s", text);
	return 0;
}

/* The name podman is to know it by: with a tag, else by digest. A digest beside the tag is found in the items. */
static void add_name(const char *reference, struct strvec *names)
{
	const char *at = strchr(reference, '@'), *slash = strrchr(reference, '/');
	const char *colon = slash ? strchr(slash, ':') : NULL;
	bool tagged = at && colon && colon < at;
	strvec_take(names, tagged ? xstrndup(reference, (size_t)(at - reference)) : xstrdup(reference));
}

int store_upstream_record(const struct upstream_image *i, struct store_record *ret, struct err *err)
{
	const struct upstream_blob *m = &i->manifest, *c = &i->config, *x = i->index.data ? &i->index : NULL;
	*ret = (struct store_record){.upstream = i};
	memcpy(ret->image.id, c->digest, HASH_HEX);
	memcpy(ret->image.digest, x ? x->digest : m->digest, HASH_HEX);
	add_name(i->reference, &ret->names);
	store_add_item(ret, "sha256:", c->digest, c->data, c->len);
	if (x)
		store_add_item(ret, "manifest-sha256:", x->digest, x->data, x->len);
	store_add_item(ret, "manifest-sha256:", m->digest, m->data, m->len);
	store_add_item(ret, "manifest", m->digest, m->data, m->len);
	return read_created(i, &ret->image, err);
}
