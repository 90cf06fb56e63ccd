/* Which language models are in memory, by who serves them: asked as the service says (`models: running`). */
#include "base/json.h"
#include "target/agent/health.h"
#include "target/agent/http.h"
#include "target/agent/pointer.h"
#include "target/agent/status.h"

enum { TIMEOUT_MS = 5000 };

/* The names go into `loaded`, as keys. False: no answer that can be read. */
static bool ask(const struct container *c, const json_t *asked, json_t *loaded)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	struct http_answer answer = {0};
	struct http_request r = {.scheme = "http",
		.address = c->address,
		.port = (unsigned)json_integer_value(json_object_get(asked, "port")),
		.path = json_text(asked, "path"),
		.timeout_ms = TIMEOUT_MS};
	bool came = http_do(&r, &answer, &ignored) == 0 && answer.status == 200;
	_cleanup_json_ json_t *j = came ? json_parse(answer.body.s, answer.body.len, c->name, &ignored) : NULL;
	const json_t *list = json_pointer(j, json_text(asked, "list"));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_pointer(json_array_get(list, i), json_text(asked, "name")));
		if (name)
			json_object_set_new(loaded, name, json_true());
	}
	strbuf_release(&answer.body);
	return json_is_array(list);
}

void status_models(const struct agent *a, json_t *status)
{
	const json_t *list = json_object_get(a->m.root, "containers"), *models = json_object_get(status, "models");
	_cleanup_json_ json_t *loaded = json_object();
	struct health_table t;
	bool known = false;
	health_read(a, &t);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *j = json_array_get(list, i), *asked = json_object_get(j, "models");
		const struct container *c = asked ? machine_container(&a->m, json_text(j, "name")) : NULL;
		/* Of one that is not healthy nobody knows when it would answer. */
		if (c && t.fresh && t.v[c - a->m.containers].state == HEALTH_HEALTHY)
			known |= ask(c, asked, loaded);
	}
	health_release(&t);
	for (size_t i = 0; known && i < json_array_size(models); i++) {
		json_t *m = json_array_get(models, i);
		json_object_set_new(m, "loaded", json_boolean(json_object_get(loaded, json_text(m, "name"))));
	}
}
