/* /usr/lib/kiln/machine.json: what kiln-agent knows of the appliance (docs/formats.md, "Machine file"). */
#include "base/json.h"
#include "base/str.h"
#include "wire/parts.h"

static void set(json_t *o, const char *key, json_t *v)
{
	json_object_set_new(o, key, v);
}

static void set_str(json_t *o, const char *key, const char *v)
{
	if (v)
		set(o, key, json_string(v));
}

static void set_u64(json_t *o, const char *key, uint64_t v)
{
	set(o, key, json_integer((json_int_t)v));
}

static json_t *strings(const struct str_list *list)
{
	json_t *j = json_array();
	for (size_t i = 0; i < list->n; i++)
		json_array_append_new(j, json_string(list->v[i]));
	return j;
}

static json_t *services(const struct appliance *a)
{
	json_t *list = json_array();
	for (size_t i = 0; i < a->services.n; i++) {
		const struct service *s = &a->services.v[i];
		json_t *o = json_object(), *names = json_array();
		set_str(o, "name", s->name);
		set_str(o, "layer", s->layer);
		set_str(o, "summary", s->summary);
		for (size_t k = 0; k < s->n_containers; k++)
			json_array_append_new(names, json_string(a->containers.v[s->first_container + k].name));
		set(o, "containers", names);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *health(const struct health *h)
{
	static const char *const kinds[] = {"none", "http", "https", "tcp", "exec"};
	json_t *o = json_object(), *expect = json_array();
	set_str(o, "kind", kinds[h->kind]);
	if (h->port)
		set_u64(o, "port", h->port);
	set_str(o, "path", h->path);
	if (h->exec.n)
		set(o, "exec", strings(&h->exec));
	for (size_t i = 0; i < ARRAY_SIZE(h->expect) && h->expect[i]; i++)
		json_array_append_new(expect, json_integer(h->expect[i]));
	set(o, "expect", expect);
	set_u64(o, "interval", h->interval_ms);
	set_u64(o, "timeout", h->timeout_ms);
	set_u64(o, "start", h->start_ms);
	return o;
}

static int files(const struct container *c, const struct wire_facts *f, json_t *list, struct err *err)
{
	for (size_t i = 0; i < c->files.n; i++) {
		const struct file_spec *s = &c->files.v[i];
		if (!wire_file_is_rendered(s))
			continue;
		uint32_t uid, gid;
		if (f->user(f->user_arg, c, s->owner, s->group, &uid, &gid, err) < 0)
			return err_wrap(err, "container %s: %s", c->name, s->path);
		json_t *o = json_object();
		json_array_append_new(list, o);
		set_str(o, "path", s->path);
		set_str(o, "text", s->text);
		set_u64(o, "mode", s->mode ? s->mode : s->secret ? 0400 : 0644);
		set_u64(o, "uid", uid);
		set_u64(o, "gid", gid);
	}
	return 0;
}

static json_t *env(const struct container *c)
{
	json_t *list = json_array();
	for (size_t k = 0; k < c->env.n + c->secrets.n; k++) {
		const struct kv *e = k < c->env.n ? &c->env.v[k] : &c->secrets.v[k - c->env.n];
		if (k < c->env.n && !wire_env_is_rendered(e))
			continue;
		json_t *o = json_object();
		set_str(o, "name", e->key);
		set_str(o, "value", e->value);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *reload(const struct container *c)
{
	if (!c->reload.signal && !c->reload.exec.n)
		return json_null();
	json_t *o = json_object();
	if (c->reload.exec.n)
		set(o, "exec", strings(&c->reload.exec));
	else
		set_str(o, "signal", c->reload.signal);
	return o;
}

static int containers(const struct appliance *a, const struct wire_facts *f, json_t *list, struct err *err)
{
	for (size_t i = 0; i < a->containers.n; i++) {
		const struct container *c = &a->containers.v[i];
		json_t *o = json_object(), *rendered = json_array();
		json_array_append_new(list, o);
		set_str(o, "name", c->name);
		set_str(o, "service", c->service);
		for (size_t s = 0; s < a->services.n; s++)
			if (str_eq(a->services.v[s].name, c->service))
				set_str(o, "layer", a->services.v[s].layer);
		set(o, "unit", json_sprintf("%s.service", c->name));
		set_str(o, "image", c->image);
		set_u64(o, "address", c->address);
		if (c->aliases.n)
			set(o, "aliases", strings(&c->aliases));
		set_u64(o, "memory", c->memory ? c->memory + container_models(a, c) : 0);
		set(o, "health", health(&c->health));
		if (c->models.running_list)
			set(o, "models", wire_models_asked(c));
		set(o, "env", env(c));
		set(o, "reload", reload(c));
		set(o, "files", rendered);
		if (files(c, f, rendered, err) < 0)
			return -1;
	}
	return 0;
}

static json_t *secrets(const struct appliance *a)
{
	json_t *list = json_array();
	for (size_t i = 0; i < a->secrets.n; i++) {
		const struct secret_spec *s = &a->secrets.v[i];
		json_t *o = json_object();
		set_str(o, "id", s->id);
		if (s->kind == SECRET_CERT) {
			json_t *cert = json_object();
			set(cert, "names", strings(&s->names));
			set(cert, "containers", strings(&s->containers));
			if (s->site)
				set(cert, "site", json_true());
			set(o, "certificate", cert);
		} else if (s->given) {
			set(o, "given", json_true());
			set_str(o, "show", s->show);
		} else {
			set_u64(o, "bytes", s->bytes);
			set_str(o, "encoding", s->encoding ? s->encoding : "hex");
			set_str(o, "show", s->show);
		}
		json_array_append_new(list, o);
	}
	return list;
}

static const struct container *find(const struct appliance *a, const char *name)
{
	for (size_t i = 0; name && i < a->containers.n; i++)
		if (str_eq(a->containers.v[i].name, name))
			return &a->containers.v[i];
	return NULL;
}

/* The machine's name of a container's volume, or NULL. */
static const char *volume_of(const struct container *c, const char *name)
{
	_cleanup_free_ char *shared = xasprintf("%s-%s", c->service, name);
	_cleanup_free_ char *own = xasprintf("%s-%s-%u", c->service, name, c->instance);
	for (size_t i = 0; i < c->volumes.n; i++)
		if (str_eq(c->volumes.v[i].name, shared) || str_eq(c->volumes.v[i].name, own))
			return c->volumes.v[i].name;
	return NULL;
}

/* A file step names a service's volume and a user of its image: the agent gets the machine's volumes, and numbers. */
static int file_step(const struct appliance *a, const struct wire_facts *f, json_t *step, struct err *err)
{
	json_t *file = json_object_get(step, "file"), *in = json_object_get(file, "in"), *volumes = json_array();
	const char *name = json_string_value(json_object_get(file, "volume"));
	const char *owner = json_string_value(json_object_get(file, "owner")),
		   *group = json_string_value(json_object_get(file, "group"));
	set(file, "volumes", volumes);
	for (size_t i = 0; i < (json_is_array(in) ? json_array_size(in) : 1); i++) {
		const char *container = json_string_value(json_is_array(in) ? json_array_get(in, i) : in);
		const struct container *c = find(a, container);
		const char *volume = c && name ? volume_of(c, name) : NULL;
		uint32_t uid, gid;
		if (!volume)
			return err_set(err, ERR_CONFIG, "container %s has no volume \"%s\"",
				container ? container : "(none)", name ? name : "");
		if (f->user(f->user_arg, c, owner, group, &uid, &gid, err) < 0)
			return -1;
		bool seen = false;
		for (size_t k = 0; k < json_array_size(volumes); k++)
			seen |= str_eq(json_string_value(json_array_get(volumes, k)), volume);
		if (!seen)
			json_array_append_new(volumes, json_string(volume));
		set_u64(file, "uid", uid);
		set_u64(file, "gid", gid);
	}
	return 0;
}

static json_t *steps(const struct appliance *a, const struct wire_facts *f, const struct provision *p, struct err *err)
{
	_cleanup_json_ json_t *list = p->steps ? json_deep_copy(p->steps) : json_array();
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *step = json_array_get(list, i);
		if (json_object_get(step, "file") && file_step(a, f, step, err) < 0) {
			err_wrap(err, "provision %s: step %zu", p->id, i + 1);
			return NULL;
		}
	}
	return steal(list);
}

static int provisions(const struct appliance *a, const struct wire_facts *f, json_t *list, struct err *err)
{
	for (size_t i = 0; i < a->provisions.n; i++) {
		const struct provision *p = &a->provisions.v[i];
		json_t *o = json_object(), *all = steps(a, f, p, err);
		json_array_append_new(list, o);
		if (!all)
			return -1;
		set_str(o, "id", p->id);
		set_str(o, "service", p->service);
		set_str(o, "title", p->title);
		set(o, "unit", json_sprintf("kiln-provision@%s.service", p->id));
		set(o, "containers", strings(&p->containers));
		set(o, "after", strings(&p->after));
		set(o, "steps", all);
	}
	return 0;
}

static json_t *flows(const struct appliance *a)
{
	json_t *list = json_array();
	for (size_t i = 0; i < a->flows.n; i++) {
		const struct flow *w = &a->flows.v[i];
		json_t *o = json_object();
		set_str(o, "from", w->from);
		set_str(o, "to", w->to);
		set_u64(o, "port", w->port);
		set_str(o, "protocol", w->protocol);
		set_str(o, "why", w->why);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *published(const struct appliance *a)
{
	json_t *list = json_array();
	for (size_t i = 0; i < a->published.n; i++) {
		const struct publish *p = &a->published.v[i];
		if (!p->container) /* nothing to forward */
			continue;
		json_t *o = json_object();
		set_str(o, "address", p->address);
		set_u64(o, "host_port", p->host_port);
		set_u64(o, "port", p->port);
		set_str(o, "protocol", p->protocol);
		set_str(o, "container", p->container);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *egress(const struct appliance *a)
{
	json_t *list = json_array();
	for (size_t i = 0; i < a->services.n; i++)
		for (size_t k = 0; k < a->services.v[i].egress.n; k++) {
			const struct egress *e = &a->services.v[i].egress.v[k];
			for (size_t c = 0; c < e->containers.n; c++)
				json_array_append_new(
					list, json_pack("{s:s, s:s, s:i, s:s}", "container", e->containers.v[c], "to",
						      e->to, "port", (int)e->port, "protocol", e->protocol));
		}
	return list;
}

/* Where people find what claims made, for the appliance's page. */
static json_t *links(const struct appliance *a)
{
	json_t *list = json_array();
	for (size_t i = 0; i < a->claims.n; i++) {
		const struct claim *c = &a->claims.v[i];
		if (c->link)
			json_array_append_new(list,
				json_pack("{s:s, s:s, s:s}", "service", c->service, "claim", c->name, "url", c->link));
	}
	return list;
}

/* What kiln-agent keeps copies of. */
static json_t *backup(const struct appliance *a)
{
	json_t *o = json_object(), *options = json_object(), *list = json_array();
	for (size_t i = 0; i < a->saves.options.n; i++)
		set_str(options, a->saves.options.v[i].key, a->saves.options.v[i].value);
	for (size_t i = 0; i < a->saves.n; i++) {
		const struct saved *s = &a->saves.v[i];
		json_t *item = json_object();
		set_str(item, "id", s->id);
		set_str(item, "service", s->service);
		set(item, "containers", strings(&s->containers));
		set(item, "save", strings(&s->save));
		set(item, "load", strings(&s->load));
		set(item, "restart", strings(&s->restart));
		set_str(item, "user", s->user);
		set_u64(item, "timeout", s->timeout_ms);
		json_array_append_new(list, item);
	}
	set(o, "options", options);
	set(o, "items", list);
	return o;
}

int wire_machine(const struct appliance *a, const struct wire_facts *f, struct wire_files *w, struct err *err)
{
	_cleanup_json_ json_t *m = json_object();
	json_t *net = json_object(), *running = json_array(), *graphs = json_array();
	set_u64(m, "kiln", 1);
	set_str(m, "name", a->name);
	set_str(m, "version", f->version);
	set_str(m, "domain", a->domain);
	set_u64(m, "epoch", f->epoch);
	set_str(net, "name", WIRE_NETWORK);
	set_str(net, "bridge", WIRE_BRIDGE);
	set_str(net, "subnet", a->subnet);
	set(m, "network", net);
	set(m, "services", services(a));
	set(m, "containers", running);
	set(m, "secrets", secrets(a));
	set(m, "provision", graphs);
	set(m, "flows", flows(a));
	set(m, "publish", published(a));
	set(m, "egress", egress(a));
	set(m, "links", links(a));
	set(m, "models", wire_models(a));
	if (a->saves.service)
		set(m, "backup", backup(a));
	if (a->gpu)
		set(m, "gpu", wire_gpu(a));
	if (containers(a, f, running, err) < 0 || provisions(a, f, graphs, err) < 0)
		return -1;
	_cleanup_free_ char *text = json_canonical(m);
	wire_add_text(w, "/usr/lib/kiln/machine.json", 0644, text);
	return 0;
}
