#include "target/agent/record.h"
#include "base/json.h"
#include "base/log.h"
#include "base/path.h"

#define RECORD_MAX (16u << 20)

int record_open(const struct agent *a, const char *id, struct record *r, struct err *err)
{
	if (!agent_id_ok(id) || strchr(id, '/'))
		return err_set(err, ERR_CONFIG, "\"%s\" cannot be the name of a record", id);
	*r = (struct record){.path = xasprintf("%s/provision/%s.json", a->state, id)};
	if (path_exists(r->path)) {
		_cleanup_err_ struct err why = ERR_INIT;
		r->root = json_read(r->path, RECORD_MAX, &why);
		if (!json_is_object(json_object_get(r->root, "steps"))) {
			log_warn("record of %s is not readable, its steps run again: %s", id,
				why.msg ? why.msg : "no steps");
			json_decref(r->root);
			r->root = NULL;
		}
	}
	if (!r->root)
		r->root = json_pack("{s:i, s:{}}", "kiln", 1, "steps");
	return 0;
}

bool record_has(const struct record *r, const char *key, const char *hash)
{
	const json_t *step = json_object_get(json_object_get(r->root, "steps"), key);
	return str_eq(json_string_value(json_object_get(step, "hash")), hash);
}

int record_done(struct record *r, const char *key, const char *hash, struct err *err)
{
	json_object_set_new(json_object_get(r->root, "steps"), key, json_pack("{s:s}", "hash", hash));
	_cleanup_free_ char *text = json_canonical(r->root);
	return agent_write(r->path, text, strlen(text), 0600, err);
}

void record_close(struct record *r)
{
	json_decref(r->root);
	free(r->path);
	*r = (struct record){0};
}

char *record_key(const json_t *steps, size_t i)
{
	const char *name = json_string_value(json_object_get(json_array_get(steps, i), "name"));
	size_t same = 1;
	for (size_t k = 0; k < i; k++) {
		const char *other = json_string_value(json_object_get(json_array_get(steps, k), "name"));
		same += str_eq(name, other);
	}
	return same > 1 ? xasprintf("%s (%zu)", name ? name : "step", same) : xstrdup(name ? name : "step");
}
