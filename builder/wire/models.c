/* Language models: those of the image, and who tells on the machine which of them are in memory. */
#include "wire/parts.h"
#include <jansson.h>

json_t *wire_models(const struct appliance *a)
{
	json_t *list = json_array();
	for (size_t i = 0; i < a->models.n; i++) {
		const struct model *m = &a->models.v[i];
		json_array_append_new(list, json_pack("{s:s, s:I, s:s*}", "name", m->show, "bytes",
						    (json_int_t)m->weights, "digest", m->digest));
	}
	return list;
}

json_t *wire_models_asked(const struct container *c)
{
	return json_pack("{s:i, s:s, s:s, s:s}", "port", (int)c->models.running.port, "path", c->models.running.path,
		"list", c->models.running_list, "name", c->models.running_name);
}
