/* Containers: first their names and addresses (which others refer to), then everything in them. */
#include "base/vec.h"
#include "config/reference.h"
#include "plan/planner.h"
#include "plan/rt.h"

#define FIRST_ADDRESS 11
#define LAST_ADDRESS 250
#define MAX_INSTANCES 32

static int count_instances(struct planner *pl, struct psvc *svc, size_t i, struct err *err)
{
	const struct container_def *d = &svc->def->containers.v[i];
	struct scope s = {.pl = pl, .svc = svc};
	uint64_t n = 1;
	if (d->instances && eval_number(&s, d->instances, "instances", 1, MAX_INSTANCES, &n, err) < 0)
		return -1;
	svc->count[i] = n;
	return 0;
}

static int add_instance(struct planner *pl, struct psvc *svc, size_t i, unsigned number, struct err *err)
{
	struct appliance *a = pl->a;
	const struct container_def *d = &svc->def->containers.v[i];
	struct container *c = &a->containers.v[a->containers.n];
	*c = (struct container){.base = d->name, .service = svc->def->name, .instance = number};
	c->instances = (unsigned)svc->count[i];
	/* The name has a number whenever there could be several, so that it does not change when there are. */
	c->name = d->instances ? arena_printf(pl->arena, "%s-%u", d->name, number) : d->name;
	c->address = FIRST_ADDRESS + (unsigned)a->containers.n;
	if (c->address > LAST_ADDRESS)
		return ynode_err(
			d->self, err, "%s: more than %d containers", d->name, LAST_ADDRESS - FIRST_ADDRESS + 1);
	const struct container *other = NULL;
	for (size_t k = 0; k < a->containers.n && !other; k++) {
		const struct container *o = &a->containers.v[k];
		bool own = !strcmp(o->service, c->service) && !strcmp(o->base, c->base);
		if (!strcmp(o->name, c->name) || (!own && (!strcmp(o->base, c->name) || !strcmp(o->name, c->base))))
			other = o;
	}
	if (other)
		return ynode_err(d->self, err, "%s: the container name '%s' is taken by %s", svc->def->name, c->name,
			other->service);
	a->containers.n++;
	if (c->name != c->base)
		list_add(pl->arena, &c->aliases, c->base);
	return 0;
}

int plan_instances(struct planner *pl, struct err *err)
{
	struct appliance *a = pl->a;
	size_t total = 0;
	a->services.v = arena_alloc(pl->arena, (pl->n_svcs + 1) * sizeof *a->services.v);
	a->services.n = pl->n_svcs;
	for (size_t i = 0; i < pl->n_svcs; i++) {
		struct psvc *svc = &pl->svcs[i];
		size_t n = svc->def->containers.n;
		svc->first = arena_alloc(pl->arena, (n + 1) * sizeof *svc->first);
		svc->count = arena_alloc(pl->arena, (n + 1) * sizeof *svc->count);
		for (size_t k = 0; k < n; k++) {
			if (count_instances(pl, svc, k, err) < 0)
				return -1;
			total += svc->count[k];
		}
	}
	a->containers.v = arena_alloc(pl->arena, (total + 1) * sizeof *a->containers.v);
	for (size_t i = 0; i < pl->n_svcs; i++) {
		struct psvc *svc = &pl->svcs[i];
		struct service *out = &a->services.v[i];
		*out = (struct service){.name = svc->def->name, .layer = svc->def->layer, .summary = svc->def->summary};
		out->dir = svc->def->dir;
		out->first_container = a->containers.n;
		for (size_t k = 0; k < svc->def->containers.n; k++) {
			svc->first[k] = a->containers.n;
			for (unsigned m = 1; m <= svc->count[k]; m++)
				if (add_instance(pl, svc, k, m, err) < 0)
					return -1;
		}
		out->n_containers = a->containers.n - out->first_container;
	}
	return 0;
}

/* "8008/health" -> port and path. */
static int http_target(const struct ynode *n, const char *what, const char *text, struct health *h, struct arena *arena,
	struct err *err)
{
	size_t digits = strspn(text, "0123456789");
	_cleanup_free_ char *port = xstrndup(text, digits);
	uint64_t number;
	if (!str_to_u64(port, &number) || !number || number > 65535 || (text[digits] && text[digits] != '/'))
		return bind_expected(n, what, "PORT/PATH", err);
	h->port = (unsigned)number;
	h->path = text[digits] ? arena_strdup(arena, text + digits) : "/";
	return 0;
}

static int set_health(const struct scope *s, const struct health_def *d, struct health *h, struct err *err)
{
	if (!d)
		return 0;
	const struct ynode *web = d->http ? d->http : d->https;
	const char *text;
	uint64_t port;
	h->start_ms = d->start;
	h->interval_ms = d->interval;
	h->timeout_ms = d->timeout;
	if (d->expect.n >= ARRAY_SIZE(h->expect))
		return ynode_err(d->self, err, "health: expect: at most %zu statuses", ARRAY_SIZE(h->expect) - 1);
	for (size_t i = 0; i < d->expect.n; i++)
		h->expect[i] = (unsigned)strtoul(d->expect.v[i]->text, NULL, 10);
	if (web) {
		h->kind = d->http ? HEALTH_HTTP : HEALTH_HTTPS;
		const char *key = d->http ? "http" : "https";
		return eval_known(s, web, key, &text, err) < 0 ? -1 : http_target(web, key, text, h, s->pl->arena, err);
	}
	if (d->tcp) {
		h->kind = HEALTH_TCP;
		if (eval_number(s, d->tcp, "tcp", 1, 65535, &port, err) < 0)
			return -1;
		h->port = (unsigned)port;
		return 0;
	}
	h->kind = HEALTH_EXEC;
	return eval_publics(s, &d->exec, "exec", &h->exec, err);
}

static int set_volumes(const struct scope *s, const struct container_def *d, struct container *c, struct err *err)
{
	struct arena *arena = s->pl->arena;
	c->volumes.n = d->volumes.n;
	c->volumes.v = arena_alloc(arena, (d->volumes.n + 1) * sizeof *c->volumes.v);
	for (size_t i = 0; i < d->volumes.n; i++) {
		const struct volume_def *v = &d->volumes.v[i];
		struct volume *out = &c->volumes.v[i];
		out->name = c->name == c->base || v->shared
				    ? arena_printf(arena, "%s-%s", c->service, v->name)
				    : arena_printf(arena, "%s-%s-%u", c->service, v->name, c->instance);
		out->read_only = v->read_only;
		if (eval_known(s, v->path, v->name, &out->path, err) < 0)
			return -1;
		if (out->path[0] != '/')
			return bind_expected(v->path, v->name, "an absolute path", err);
	}
	return 0;
}

static int set_host(const struct scope *s, const struct container_def *d, struct container *c, struct err *err)
{
	struct kv_list list;
	if (eval_map(s, &d->host, false, &list, err) < 0)
		return -1;
	c->host.n = list.n;
	c->host.v = arena_alloc(s->pl->arena, (list.n + 1) * sizeof *c->host.v);
	for (size_t i = 0; i < list.n; i++) {
		c->host.v[i] = (struct host_mount){.host = list.v[i].key, .path = list.v[i].value};
		if (list.v[i].key[0] != '/' || list.v[i].value[0] != '/')
			return bind_expected(d->host.v[i].value, list.v[i].key, "absolute paths", err);
	}
	return 0;
}

static int set_models(const struct scope *s, const struct container_def *d, struct container *c, struct err *err)
{
	const struct serves_def *m = d->models;
	if (!m)
		return 0;
	if (eval_known(s, m->path, "models", &c->models.path, err) < 0 ||
		(m->loaded && eval_number(s, m->loaded, "loaded", 0, UINT32_MAX, &c->models.loaded, err) < 0) ||
		(m->overhead && eval_size(s, m->overhead, "overhead", &c->models.overhead, err) < 0) ||
		(m->context && eval_number(s, m->context, "context", 0, UINT32_MAX, &c->models.context, err) < 0) ||
		(m->parallel && eval_number(s, m->parallel, "parallel", 1, UINT32_MAX, &c->models.parallel, err) < 0))
		return -1;
	if (!m->parallel)
		c->models.parallel = 1;
	if (c->models.path[0] != '/')
		return bind_expected(m->path, "models", "an absolute path", err);
	const char *at;
	if (!m->running)
		return 0;
	c->models.running.kind = HEALTH_HTTP;
	c->models.running_list = m->running->list;
	c->models.running_name = m->running->name;
	return eval_known(s, m->running->http, "http", &at, err) < 0
		       ? -1
		       : http_target(m->running->http, "http", at, &c->models.running, s->pl->arena, err);
}

static void set_after(const struct scope *s, const struct container_def *d, struct container *c)
{
	for (size_t i = 0; i < d->after.n; i++) {
		struct value v;
		svc_instances(s->pl, s->svc, svc_container(s->svc, d->after.v[i]->text), &v);
		for (size_t k = 0; k < v.n; k++)
			list_add(s->pl->arena, &c->after, v.containers[k]->name);
	}
	for (size_t i = 0; i < s->pl->n_claims; i++)
		if (s->pl->claims[i].svc == s->svc && s->pl->claims[i].provision)
			list_add(s->pl->arena, &c->after_provision, s->pl->claims[i].provision);
}

static int set_image(const struct scope *s, const struct container_def *d, struct container *c, struct err *err)
{
	const struct ynode *n = d->image->from ? d->image->from : d->image->reference;
	struct arena *arena = s->pl->arena;
	struct image_source from;

	c->image = arena_printf(arena, "localhost/kiln/%s/%s:kiln", c->service, c->base);
	if (!n)
		return 0;
	if (eval_known(s, n, d->image->from ? "from" : "image", &c->source, err) < 0)
		return -1;
	if (image_source_parse(arena, c->source, &from, err) < 0)
		return err_wrap(err, "%s:%u:%u", n->file, n->line, n->column);
	c->upstream = c->image;
	if (from.kind == SOURCE_REGISTRY)
		c->upstream = c->source = reference_text(arena, &from.ref);
	else
		c->source_path =
			*from.path == '/' ? from.path : arena_printf(arena, "%s/%s", s->svc->def->dir, from.path);
	if (!d->image->from)
		c->image = c->upstream;
	return 0;
}

/* `secrets:` is for secrets only: a plain value there is most likely a typing error. */
static int set_secrets(const struct scope *s, const struct container_def *d, struct container *c, struct err *err)
{
	if (eval_map(s, &d->secrets, true, &c->secrets, err) < 0)
		return -1;
	for (size_t i = 0; i < c->secrets.n; i++)
		if (!c->secrets.v[i].secret && rtext_literal(s->pl->arena, c->secrets.v[i].value)[0]) {
			ynode_err(d->secrets.v[i].value, err, "%s: holds no secret", c->secrets.v[i].key);
			return err_hint(err, "plain values belong to `env:`");
		}
	return 0;
}

static int fill(const struct scope *s, const struct container_def *d, struct container *c, struct err *err)
{
	c->user = d->user;
	c->workdir = d->workdir;
	c->stop_ms = d->stop;
	c->writable_root = d->writable;
	c->gpu = d->gpu;
	if (d->reload) {
		c->reload.signal = d->reload->signal;
		if (eval_publics(s, &d->reload->exec, "reload", &c->reload.exec, err) < 0)
			return -1;
	}
	set_after(s, d, c);
	if (d->memory && eval_size(s, d->memory, "memory", &c->memory, err) < 0)
		return -1;
	if (set_image(s, d, c, err) < 0 || set_health(s, d->health, &c->health, err) < 0 ||
		set_volumes(s, d, c, err) < 0 || set_host(s, d, c, err) < 0 || set_secrets(s, d, c, err) < 0 ||
		set_models(s, d, c, err) < 0)
		return -1;
	if (eval_publics(s, &d->entrypoint, "entrypoint", &c->entrypoint, err) < 0 ||
		eval_publics(s, &d->command, "command", &c->command, err) < 0 ||
		eval_knowns(s, &d->tmpfs, "tmpfs", &c->tmpfs, err) < 0 ||
		eval_knowns(s, &d->capabilities, "capabilities", &c->capabilities, err) < 0)
		return -1;
	if (eval_map(s, &d->env, false, &c->env, err) < 0 || eval_map(s, &d->sysctl, false, &c->sysctl, err) < 0 ||
		eval_map(s, &d->ulimits, false, &c->ulimits, err) < 0)
		return -1;
	return 0;
}

typedef int (*container_fn)(const struct scope *s, const struct container_def *d, struct container *c, struct err *err);

/* All instances of all containers of all services, in the appliance's order. */
static int for_each_container(struct planner *pl, container_fn fn, struct err *err)
{
	for (size_t i = 0; i < pl->n_svcs; i++) {
		struct psvc *svc = &pl->svcs[i];
		for (size_t k = 0; k < svc->def->containers.n; k++)
			for (size_t m = 0; m < svc->count[k]; m++) {
				struct container *c = &pl->a->containers.v[svc->first[k] + m];
				struct scope s = {.pl = pl, .svc = svc, .container = c};
				if (fn(&s, &svc->def->containers.v[k], c, err) < 0)
					return -1;
			}
	}
	return 0;
}

int plan_containers(struct planner *pl, struct err *err)
{
	return for_each_container(pl, fill, err);
}

static int fill_files(const struct scope *s, const struct container_def *d, struct container *c, struct err *err)
{
	return render_files(s, &d->files, s->svc->def->dir, false, &c->files, err);
}

int plan_files(struct planner *pl, struct err *err)
{
	return for_each_container(pl, fill_files, err);
}
