/* `kiln plan --json` (design, "Stable interfaces"). */
#include "plan/appliance.h"
#include <string.h>

static json_t *strings(const struct str_list *l)
{
	json_t *j = json_array();
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(j, json_string(l->v[i]));
	return j;
}

static json_t *bytes(uint64_t n)
{
	return json_integer((json_int_t)(n > INT64_MAX ? INT64_MAX : n));
}

static void set_string(json_t *j, const char *key, const char *value)
{
	json_object_set_new(j, key, value ? json_string(value) : json_null());
}

static json_t *container_json(const struct container *c)
{
	json_t *j = json_object(), *volumes = json_array();
	set_string(j, "name", c->name);
	set_string(j, "image", c->image);
	set_string(j, "from", c->source);
	json_object_set_new(j, "address", json_integer(c->address));
	json_object_set_new(j, "aliases", strings(&c->aliases));
	json_object_set_new(j, "memory", bytes(c->memory));
	json_object_set_new(j, "after", strings(&c->after));
	json_object_set_new(j, "after_provision", strings(&c->after_provision));
	for (size_t i = 0; i < c->volumes.n; i++)
		json_array_append_new(volumes, json_string(c->volumes.v[i].name));
	json_object_set_new(j, "volumes", volumes);
	return j;
}

static json_t *claim_json(const struct claim *c)
{
	json_t *j = json_object(), *outputs = json_array();
	set_string(j, "name", c->name);
	set_string(j, "kind", c->kind);
	set_string(j, "provider", c->provider);
	set_string(j, "provision", c->provision);
	json_object_set(j, "params", c->params);
	for (size_t i = 0; i < c->outputs.n; i++)
		json_array_append_new(outputs, json_string(c->outputs.v[i].key));
	json_object_set_new(j, "outputs", outputs);
	return j;
}

static json_t *flow_json(const struct flow *f)
{
	json_t *j = json_object();
	set_string(j, "from", f->from);
	set_string(j, "to", f->to);
	json_object_set_new(j, "port", json_integer(f->port));
	set_string(j, "protocol", f->protocol);
	set_string(j, "why", f->why);
	return j;
}

static json_t *egress_json(const struct service *s)
{
	json_t *list = json_array();
	for (size_t i = 0; i < s->egress.n; i++) {
		const struct egress *e = &s->egress.v[i];
		json_array_append_new(list, json_pack("{s:s, s:i, s:s, s:o}", "to", e->to, "port", (int)e->port,
						    "protocol", e->protocol, "containers", strings(&e->containers)));
	}
	return list;
}

static json_t *service_json(const struct appliance *a, const struct service *s)
{
	json_t *j = json_object(), *containers = json_array(), *claims = json_array(), *flows = json_array();
	uint64_t memory = 0;
	set_string(j, "name", s->name);
	set_string(j, "layer", s->layer);
	set_string(j, "summary", s->summary);
	for (size_t i = 0; i < s->n_containers; i++) {
		const struct container *c = &a->containers.v[s->first_container + i];
		memory += c->memory;
		json_array_append_new(containers, container_json(c));
		for (size_t k = 0; k < a->flows.n; k++)
			if (!strcmp(a->flows.v[k].from, c->name))
				json_array_append_new(flows, flow_json(&a->flows.v[k]));
	}
	for (size_t i = 0; i < a->claims.n; i++)
		if (!strcmp(a->claims.v[i].service, s->name))
			json_array_append_new(claims, claim_json(&a->claims.v[i]));
	json_object_set_new(j, "containers", containers);
	json_object_set_new(j, "claims", claims);
	json_object_set_new(j, "flows", flows);
	json_object_set_new(j, "egress", egress_json(s));
	json_object_set_new(j, "memory", bytes(memory));
	return j;
}

static json_t *publish_json(const struct publish *p)
{
	json_t *j = json_object();
	set_string(j, "address", p->address);
	json_object_set_new(j, "host_port", json_integer(p->host_port));
	json_object_set_new(j, "port", json_integer(p->port));
	set_string(j, "protocol", p->protocol);
	set_string(j, "service", p->service);
	set_string(j, "container", p->container);
	return j;
}

static json_t *provision_json(const struct provision *p)
{
	json_t *j = json_object(), *steps = json_array();
	set_string(j, "id", p->id);
	set_string(j, "service", p->service);
	set_string(j, "title", p->title);
	json_object_set_new(j, "containers", strings(&p->containers));
	json_object_set_new(j, "after", strings(&p->after));
	for (size_t i = 0; i < json_array_size(p->steps); i++)
		json_array_append(steps, json_object_get(json_array_get(p->steps, i), "name"));
	json_object_set_new(j, "steps", steps);
	return j;
}

static json_t *tree_json(const struct tree_spec *t)
{
	json_t *j = json_object();
	set_string(j, "id", t->id);
	set_string(j, "parent", t->parent);
	json_object_set_new(j, "packages", strings(&t->packages));
	return j;
}

static json_t *model_json(const struct model *m)
{
	json_t *j = json_object();
	set_string(j, "name", m->name);
	set_string(j, "short", m->show);
	set_string(j, "from", m->source);
	json_object_set_new(j, "size", m->size ? bytes(m->size) : json_null());
	json_object_set_new(j, "weights", m->weights ? bytes(m->weights) : json_null());
	json_object_set_new(j, "token", m->head ? bytes(m->token) : json_null());
	return j;
}

static json_t *budget_json(const struct appliance *a)
{
	json_t *j = json_object(), *m = json_object();
	_cleanup_err_ struct err ignored = ERR_INIT; /* it was checked before */
	struct models_need models;
	(void)appliance_models(a, &models, &ignored);
	json_object_set_new(j, "memory", bytes(a->memory_needed + models.memory));
	if (a->models.n)
		json_object_set_new(j, "models",
			json_pack("{s:o, s:o, s:o, s:I, s:I}", "memory", bytes(models.memory), "store",
				bytes(models.store), "context", bytes(models.context), "unknown",
				(json_int_t)models.unknown, "unread", (json_int_t)models.headless));
	json_object_set_new(j, "disk", bytes(a->disk_needed));
	json_object_set_new(m, "memory", bytes(a->machine_memory));
	json_object_set_new(m, "disk", bytes(a->machine_disk));
	json_object_set_new(m, "cpus", json_integer(a->machine_cpus));
	json_object_set_new(j, "machine", m);
	return j;
}

static json_t *build_json(const struct module_build *b)
{
	return json_pack("{s:s, s:s, s:o}", "set", b->set, "source", b->source, "modules", strings(&b->modules));
}

static json_t *gpu_json(const struct appliance *a)
{
	if (!a->gpu)
		return json_null();
	json_t *j = json_object(), *containers = json_array();
	set_string(j, "name", a->gpu->name);
	set_string(j, "kind", a->gpu->kind);
	for (size_t i = 0; i < a->containers.n; i++) {
		const struct container *c = &a->containers.v[i];
		if (c->gpu)
			json_array_append_new(
				containers, json_pack("{s:s, s:o}", "name", c->name, "devices", strings(&c->gpus)));
	}
	json_object_set_new(j, "containers", containers);
	return j;
}

/* An array of what `make` says of each of n things of `size` bytes. */
#define ARRAY_OF(list, make)                                                                                           \
	__extension__({                                                                                                \
		json_t *array_ = json_array();                                                                         \
		for (size_t i_ = 0; i_ < (list).n; i_++)                                                               \
			json_array_append_new(array_, make(&(list).v[i_]));                                            \
		array_;                                                                                                \
	})

json_t *appliance_json(const struct appliance *a)
{
	json_t *j = json_object(), *services = json_array(), *network = json_object(), *given = json_array();
	_cleanup_strbuf_ struct strbuf name_server = STRBUF_INIT;
	set_string(j, "name", a->name);
	set_string(j, "summary", a->summary);
	set_string(j, "arch", a->arch);
	set_string(j, "domain", a->domain);
	set_string(j, "suite", a->suite);
	json_object_set_new(j, "layers", strings(&a->layers));
	json_object_set_new(j, "outputs", strings(&a->outputs));
	for (size_t i = 0; i < a->services.n; i++)
		json_array_append_new(services, service_json(a, &a->services.v[i]));
	json_object_set_new(j, "services", services);
	set_string(network, "subnet", a->subnet);
	appliance_address(a, 1, &name_server);
	set_string(network, "name_server", name_server.s);
	json_object_set_new(j, "network", network);
	for (size_t i = 0; i < a->secrets.n; i++)
		if (a->secrets.v[i].given)
			json_array_append_new(given, json_string(a->secrets.v[i].id));
	json_object_set_new(j, "given", given);
	json_object_set_new(j, "published", ARRAY_OF(a->published, publish_json));
	json_object_set_new(j, "provision", ARRAY_OF(a->provisions, provision_json));
	json_object_set_new(j, "trees", ARRAY_OF(a->trees, tree_json));
	json_object_set_new(j, "firmware",
		json_pack("{s:o, s:o, s:o}", "sets", strings(&a->firmware), "left_out", strings(&a->firmware_left_out),
			"builds", ARRAY_OF(a->builds, build_json)));
	json_object_set_new(j, "gpu", gpu_json(a));
	if (a->models.n)
		json_object_set_new(j, "models", ARRAY_OF(a->models, model_json));
	json_object_set_new(j, "budget", budget_json(a));
	return j;
}
