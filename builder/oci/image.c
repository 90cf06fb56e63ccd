#include "oci/image.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "oci/platform.h"
#include <string.h>

static json_t *strings(const char *const *list)
{
	json_t *a = json_array();
	for (; list && *list; list++)
		if (json_array_append_new(a, json_string(*list)))
			return json_decref(a), NULL; /* not UTF-8 */
	return a;
}

/* Lists that are empty and texts that are absent have no member. */
static int set_list(json_t *o, const char *key, const char *const *list)
{
	return list && *list ? json_object_set_new(o, key, strings(list)) : 0;
}

static int set_text(json_t *o, const char *key, const char *s)
{
	return s ? json_object_set_new(o, key, json_string(s)) : 0;
}

static json_t *run_config(const struct image_spec *s, struct err *err)
{
	_cleanup_json_ json_t *c = json_object();
	if (set_text(c, "User", s->user) || set_list(c, "Env", s->env) || set_list(c, "Entrypoint", s->entrypoint) ||
		set_list(c, "Cmd", s->command) || set_text(c, "WorkingDir", s->workdir) ||
		set_text(c, "StopSignal", s->stop_signal)) {
		err_set(err, ERR_CONFIG, "its user, environment or command is not UTF-8 text");
		return NULL;
	}
	return steal(c);
}

static void time_text(uint64_t epoch, char out[32])
{
	time_t t = (time_t)epoch;
	struct tm tm;
	gmtime_r(&t, &tm);
	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static json_t *descriptor(const char *type, const char *hex, uint64_t size)
{
	return json_pack("{s:s, s:s+, s:I}", "mediaType", type, "digest", "sha256:", hex, "size", (json_int_t)size);
}

/* Digests and sizes of the layers, in both of the forms that config and manifest want. */
static int describe_layers(const struct image_spec *s, json_t *diff_ids, json_t *layers, json_t *history,
	char created[32], struct err *err)
{
	uint64_t epoch = 0;
	for (size_t i = 0; i < s->n_layers; i++) {
		struct layer_info info;
		if (layer_info_read(s->layers[i]->index, &info, err))
			return -1;
		if (info.epoch > epoch)
			epoch = info.epoch;
		json_array_append_new(diff_ids, json_sprintf("sha256:%s", info.diff_id));
		json_array_append_new(
			layers, descriptor("application/vnd.oci.image.layer.v1.tar", info.diff_id, info.size));
		layer_info_release(&info);
	}
	time_text(epoch, created);
	for (size_t i = 0; i < s->n_layers; i++)
		json_array_append_new(history, json_pack("{s:s, s:s}", "created", created, "created_by", "kiln"));
	return 0;
}

static json_t *make_config(
	const struct image_spec *s, json_t *diff_ids, json_t *history, const char *created, struct err *err)
{
	const struct platform *p = platform_of(s->arch);
	if (!p) {
		err_set(err, ERR_CONFIG, "architecture %s has no name in the OCI specification known here", s->arch);
		return NULL;
	}
	json_t *run = run_config(s, err);
	if (!run)
		return NULL;
	json_t *c = json_pack("{s:s, s:s, s:s, s:o, s:{s:s, s:O}, s:O}", "created", created, "architecture", p->oci,
		"os", "linux", "config", run, "rootfs", "type", "layers", "diff_ids", diff_ids, "history", history);
	if (p->variant)
		json_object_set_new(c, "variant", json_string(p->variant));
	return c;
}

int image_make(const struct image_spec *s, struct image *ret, struct err *err)
{
	_cleanup_json_ json_t *diff_ids = json_array(), *layers = json_array(), *history = json_array();
	char created[32];
	*ret = (struct image){0};
	if (describe_layers(s, diff_ids, layers, history, created, err))
		return err_wrap(err, "image %s", s->names[0]);
	_cleanup_json_ json_t *config = make_config(s, diff_ids, history, created, err);
	if (!config)
		return err_wrap(err, "image %s", s->names[0]);
	ret->config = json_compact(config);
	hash_bytes(ret->config, strlen(ret->config), ret->id);
	_cleanup_json_ json_t *manifest = json_pack("{s:i, s:s, s:o, s:O}", "schemaVersion", 2, "mediaType",
		"application/vnd.oci.image.manifest.v1+json", "config",
		descriptor("application/vnd.oci.image.config.v1+json", ret->id, strlen(ret->config)), "layers", layers);
	ret->manifest = json_compact(manifest);
	hash_bytes(ret->manifest, strlen(ret->manifest), ret->digest);
	memcpy(ret->created, created, sizeof created);
	return 0;
}

void image_release(struct image *i)
{
	free(i->config);
	free(i->manifest);
	*i = (struct image){0};
}
