#include "config/service.h"
#include "base/path.h"
#include "base/str.h"
#include "base/vec.h"
#include "config/tree.h"
#include "config/typed.h"
#include "config/variant.h"

const char *const reserved_names[] = {"settings", "fact", "secret", "saved", "ca", "instance", "instances", "container",
	"address", "containers", "service", "claims", "claimant", "claim", "aliases", "arch", "suite", "layers", "each",
	NULL};

static const struct field file_fields[] = {
	FIELD(struct file_def, from, SCALAR),
	FIELD(struct file_def, text, SCALAR),
	FIELD(struct file_def, each, SCALAR),
	FIELD(struct file_def, owner, STR),
	FIELD(struct file_def, group, STR),
	FIELD(struct file_def, mode, MODE),
	FIELD(struct file_def, secret, BOOL),
	FIELD_SELF(struct file_def, self),
	FIELD_END,
};
static const char *const type_names[] = {"string", "identifier", "integer", "boolean", "size", "duration", "calendar",
	"list", "file", "container", "model", NULL};
#define TYPED_FIELDS                                                                                                   \
	FIELD(struct typed_def, type, ENUM, .names = type_names, .required = true),                                    \
		FIELD_AS("default", struct typed_def, preset, NODE), FIELD(struct typed_def, values, STRS),            \
		FIELD(struct typed_def, pattern, SCALAR), FIELD(struct typed_def, expects, STR),                       \
		FIELD(struct typed_def, min, UINT), FIELD(struct typed_def, max, UINT),                                \
		FIELD(struct typed_def, help, STR), FIELD_SELF(struct typed_def, self)
static const struct field setting_fields[] = {
	TYPED_FIELDS,
	FIELD_END,
};
static const struct field param_fields[] = {
	TYPED_FIELDS,
	FIELD(struct typed_def, unique, BOOL),
	FIELD_END,
};
static const struct field cert_fields[] = {
	FIELD(struct cert_def, names, STRS),
	FIELD(struct cert_def, containers, IDENTS),
	FIELD(struct cert_def, site, BOOL),
	FIELD_END,
};
static const char *const encodings[] = {"hex", "base64", "alnum", NULL};
static const struct field secret_fields[] = {
	FIELD(struct secret_def, bytes, UINT, .min = 16, .max = 1024),
	FIELD(struct secret_def, encoding, ENUM, .names = encodings),
	FIELD_SUB(struct secret_def, certificate, PTR, struct cert_def, cert_fields),
	FIELD(struct secret_def, given, BOOL),
	FIELD_AS("if", struct secret_def, when, SCALAR),
	FIELD(struct secret_def, show, SCALAR),
	FIELD_SELF(struct secret_def, self),
	FIELD_END,
};
static const struct secret_def secret_init = {.bytes = 24, .encoding = "hex"};
static const struct field volume_fields[] = {
	FIELD(struct volume_def, path, SCALAR, .required = true),
	FIELD(struct volume_def, shared, BOOL),
	FIELD_AS("read-only", struct volume_def, read_only, BOOL),
	FIELD(struct volume_def, size, SIZE),
	FIELD_END,
};
static const struct field health_fields[] = {
	FIELD(struct health_def, http, SCALAR),
	FIELD(struct health_def, https, SCALAR),
	FIELD(struct health_def, tcp, SCALAR),
	FIELD(struct health_def, exec, STRS),
	FIELD(struct health_def, expect, UINTS, .min = 100, .max = 599),
	FIELD(struct health_def, start, MS),
	FIELD(struct health_def, interval, MS),
	FIELD(struct health_def, timeout, MS),
	FIELD_SELF(struct health_def, self),
	FIELD_END,
};
static const struct health_def health_init = {.start = 60000, .interval = 5000, .timeout = 5000};
static const struct field reload_fields[] = {
	FIELD(struct reload_def, signal, STR),
	FIELD(struct reload_def, exec, STRS),
	FIELD_END,
};
static const struct field running_fields[] = {
	FIELD(struct running_def, http, SCALAR, .required = true),
	FIELD(struct running_def, list, STR, .required = true),
	FIELD(struct running_def, name, STR, .required = true),
	FIELD_END,
};
static const struct field serves_fields[] = {
	FIELD(struct serves_def, path, SCALAR, .required = true),
	FIELD(struct serves_def, loaded, SCALAR),
	FIELD(struct serves_def, overhead, SCALAR),
	FIELD_SUB(struct serves_def, running, PTR, struct running_def, running_fields),
	FIELD(struct serves_def, context, SCALAR),
	FIELD(struct serves_def, parallel, SCALAR),
	FIELD_SELF(struct serves_def, self),
	FIELD_END,
};
static const struct field container_fields[] = {
	FIELD(struct container_def, instances, SCALAR),
	FIELD_SUB(struct container_def, image, PTR, struct tree_def, image_fields, .scalar_as = "reference",
		.required = true),
	FIELD(struct container_def, user, STR),
	FIELD(struct container_def, workdir, STR),
	FIELD(struct container_def, entrypoint, STRS),
	FIELD(struct container_def, command, STRS),
	FIELD(struct container_def, env, MAP),
	FIELD(struct container_def, secrets, MAP),
	FIELD(struct container_def, host, MAP),
	FIELD(struct container_def, sysctl, MAP),
	FIELD(struct container_def, ulimits, MAP),
	FIELD_SUB(struct container_def, files, NAMED, struct file_def, file_fields, .any_name = true),
	FIELD_SUB(struct container_def, volumes, NAMED, struct volume_def, volume_fields, .scalar_as = "path"),
	FIELD_SUB(struct container_def, models, PTR, struct serves_def, serves_fields, .scalar_as = "path"),
	FIELD(struct container_def, tmpfs, STRS),
	FIELD(struct container_def, capabilities, STRS),
	FIELD(struct container_def, after, IDENTS),
	FIELD(struct container_def, aliases, STRS),
	FIELD_SUB(struct container_def, health, PTR, struct health_def, health_fields, .init = &health_init),
	FIELD(struct container_def, memory, SCALAR),
	FIELD_SUB(struct container_def, reload, PTR, struct reload_def, reload_fields),
	FIELD(struct container_def, stop, MS),
	FIELD(struct container_def, writable, BOOL),
	FIELD(struct container_def, gpu, BOOL),
	FIELD_SELF(struct container_def, self),
	FIELD_END,
};
static const struct container_def container_init = {.stop = 10000};
static const char *const protocols[] = {"tcp", "udp", NULL};
static const struct field publish_fields[] = {
	FIELD(struct publish_def, port, SCALAR, .required = true),
	FIELD(struct publish_def, container, SCALAR),
	FIELD(struct publish_def, to, SCALAR),
	FIELD(struct publish_def, address, SCALAR),
	FIELD(struct publish_def, protocol, ENUM, .names = protocols),
	FIELD_SELF(struct publish_def, self),
	FIELD_END,
};
static const struct publish_def publish_init = {.protocol = "tcp"};
static const struct field egress_fields[] = {
	FIELD(struct egress_def, to, SCALAR, .required = true),
	FIELD(struct egress_def, container, SCALAR),
	FIELD_AS("if", struct egress_def, when, SCALAR),
	FIELD_END,
};
static const struct field needs_fields[] = {
	FIELD(struct needs_def, memory, SIZE),
	FIELD(struct needs_def, disk, SIZE),
	FIELD_END,
};
static const struct field refuse_fields[] = {
	FIELD_AS("if", struct refuse_def, when, STRS, .required = true),
	FIELD(struct refuse_def, text, SCALAR, .required = true),
	FIELD_SELF(struct refuse_def, self),
	FIELD_END,
};
static const char *const retirements[] = {"keep", NULL};
static const struct field offer_fields[] = {
	FIELD_SUB(struct offer_def, params, NAMED, struct typed_def, param_fields, .loose_name = true),
	FIELD_SUB(struct offer_def, secrets, NAMED, struct secret_def, secret_fields, .loose_name = true,
		.init = &secret_init),
	FIELD(struct offer_def, gives, MAP),
	FIELD_SUB(struct offer_def, refuse, LIST, struct refuse_def, refuse_fields),
	FIELD(struct offer_def, reach, STRS),
	FIELD(struct offer_def, calls, STRS),
	FIELD(struct offer_def, callers, IDENTS),
	FIELD(struct offer_def, link, SCALAR),
	FIELD(struct offer_def, saves, MAP),
	FIELD(struct offer_def, aliases, NODE),
	FIELD(struct offer_def, provision, NODE),
	FIELD(struct offer_def, retire, ENUM, .names = retirements),
	FIELD_SUB(struct offer_def, needs, STRUCT, struct needs_def, needs_fields),
	FIELD_SELF(struct offer_def, self),
	FIELD_END,
};
struct trees_def {
	struct tree_def *tools, *base, *os;
};
static const struct field trees_fields[] = {
	FIELD_SUB(struct trees_def, tools, PTR, struct tree_def, tree_fields),
	FIELD_SUB(struct trees_def, base, PTR, struct tree_def, tree_fields),
	FIELD_SUB(struct trees_def, os, PTR, struct tree_def, tree_fields),
	FIELD_END,
};
struct service_file { /* claims need a look of their own */
	struct service_def def;
	const struct ynode *claims;
};
static const struct field service_fields[] = {
	FIELD_AS("service", struct service_def, name, IDENT, .required = true),
	FIELD(struct service_def, summary, STR, .required = true),
	FIELD(struct service_def, always, BOOL),
	FIELD(struct service_def, gpu_variants, MAP),
	FIELD_SUB(struct service_def, settings, NAMED, struct typed_def, setting_fields, .loose_name = true),
	FIELD_SUB(struct service_def, refuse, LIST, struct refuse_def, refuse_fields),
	FIELD_SUB(struct service_def, secrets, NAMED, struct secret_def, secret_fields, .loose_name = true,
		.init = &secret_init),
	FIELD_SUB(struct service_def, trees, STRUCT, struct trees_def, trees_fields),
	FIELD_SUB(
		struct service_def, containers, NAMED, struct container_def, container_fields, .init = &container_init),
	FIELD_SUB(struct service_def, publish, LIST, struct publish_def, publish_fields, .init = &publish_init),
	FIELD_SUB(struct service_def, egress, LIST, struct egress_def, egress_fields, .scalar_as = "to"),
	FIELD_SUB(struct service_def, offers, NAMED, struct offer_def, offer_fields),
	FIELD(struct service_def, provision, NODE),
	FIELD_SUB(struct service_def, needs, STRUCT, struct needs_def, needs_fields),
	FIELD_SELF(struct service_def, self),
	FIELD_AS("claims", struct service_file, claims, NODE),
	FIELD_END,
};

static int check_health(const struct health_def *h, struct err *err)
{
	if (!h)
		return 0;
	int kinds = !!h->http + !!h->https + !!h->tcp + !!h->exec.n;
	if (kinds != 1)
		return ynode_err(
			h->self, err, "health: expected exactly one of http, https, tcp, exec, found %d", kinds);
	return 0;
}

/* Volumes are named by service and volume: one name in two containers is one volume, and must be meant so. */
static int check_volumes(const struct service_def *s, const struct container_def *c, struct err *err)
{
	for (const struct container_def *o = s->containers.v; o < c; o++)
		for (size_t i = 0; i < o->volumes.n; i++)
			for (size_t k = 0; k < c->volumes.n; k++) {
				const struct volume_def *a = &o->volumes.v[i], *b = &c->volumes.v[k];
				if (strcmp(a->name, b->name) != 0 || (a->shared && b->shared))
					continue;
				ynode_err(b->path, err, "volumes: '%s' is a volume of the container '%s' as well",
					b->name, o->name);
				return err_hint(err, "give it another name, or say `shared: true` in both");
			}
	return 0;
}

/* On the machine a claim's secrets lie in a directory of the claim's name, beside the files of the service's own. */
static int check_secrets(const struct service_def *s, struct err *err)
{
	for (size_t k = 0; k < s->secrets.n; k++)
		if (secret_check(&s->secrets.v[k], err) < 0)
			return -1;
	for (size_t i = 0; i < s->claims.n; i++)
		for (size_t k = 0; k < s->secrets.n; k++)
			if (!strcmp(s->claims.v[i].name, s->secrets.v[k].name)) {
				ynode_err(s->claims.v[i].self, err, "claims: '%s' is a secret of %s as well",
					s->claims.v[i].name, s->name);
				return err_hint(err, "give one of them another name");
			}
	return 0;
}

static int check_container(const struct service_def *s, const struct container_def *c, struct err *err)
{
	if (image_check(c->image, err) < 0 || file_defs_check(&c->files, err) < 0 || check_health(c->health, err) < 0 ||
		check_volumes(s, c, err) < 0)
		return -1;
	VEC(const char *) names = {0};
	for (size_t i = 0; i < s->containers.n; i++)
		vec_push(&names, s->containers.v[i].name);
	vec_push(&names, NULL);
	int r = 0;
	for (size_t i = 0; i < c->after.n && r == 0; i++) {
		size_t k = 0;
		while (names.v[k] && strcmp(names.v[k], c->after.v[i]->text) != 0)
			k++;
		if (!names.v[k]) {
			ynode_err(
				c->after.v[i], err, "after: '%s' is no container of %s", c->after.v[i]->text, s->name);
			r = bind_hint(err, c->after.v[i]->text, names.v);
		}
	}
	vec_release(&names);
	return r;
}

static int not_reserved(const char *name, const struct ynode *n, const char *what, struct err *err)
{
	for (const char *const *r = reserved_names; *r; r++)
		if (!strcmp(*r, name))
			return ynode_err(n, err, "%s: '%s' is a reserved name", what, name);
	return 0;
}

static int bind_claim(const struct ypair *p, struct claim_def *c, struct err *err)
{
	const struct ynode *n = p->value;
	if (bind_ident(p->key, "claims", &c->name, err) < 0 || not_reserved(c->name, p->key, "claims", err) < 0)
		return -1;
	if (n->kind != Y_MAP)
		return bind_expected(n, c->name, "a mapping {KIND: {parameters}}", err);
	c->self = p->key;
	for (size_t i = 0; i < n->n; i++) {
		const struct ynode *key = n->pairs[i].key, *value = n->pairs[i].value;
		const char *from;
		if (!strcmp(key->text, "from")) {
			if (bind_ident(value, "from", &from, err) < 0)
				return -1;
			c->from = value;
		} else if (!strcmp(key->text, "optional")) {
			if (bind_bool(value, "optional", &c->optional, err) < 0)
				return -1;
		} else if (!strcmp(key->text, "restored")) {
			if (value->kind != Y_SCALAR || strcmp(value->text, "restart") != 0)
				return bind_expected(value, "restored", "restart", err);
			c->restarts = true;
		} else if (c->kind) {
			return ynode_err(
				key, err, "%s: a claim has one kind, found '%s' and '%s'", c->name, c->kind, key->text);
		} else if (bind_ident(key, c->name, &c->kind, err) < 0) {
			return -1;
		} else if (value->kind != Y_MAP && !ynode_is_null(value)) {
			return bind_expected(value, key->text, "a mapping of parameters", err);
		} else {
			c->params = value;
		}
	}
	if (!c->kind)
		return ynode_err(n, err, "%s: a claim needs a kind: {KIND: {parameters}}", c->name);
	return 0;
}

static int bind_claims(struct arena *arena, const struct ynode *n, struct service_def *s, struct err *err)
{
	if (!n)
		return 0;
	if (n->kind != Y_MAP)
		return bind_expected(n, "claims", "a mapping", err);
	s->claims.n = n->n;
	s->claims.v = arena_alloc(arena, (n->n + 1) * sizeof *s->claims.v);
	for (size_t i = 0; i < n->n; i++)
		if (bind_claim(&n->pairs[i], &s->claims.v[i], err) < 0)
			return -1;
	return 0;
}

static int check_offer(const struct offer_def *o, struct err *err)
{
	for (size_t k = 0; k < o->params.n; k++) {
		const struct typed_def *p = &o->params.v[k];
		if (strcmp(p->name, "container") != 0 && not_reserved(p->name, p->self, "params", err) < 0)
			return -1;
		if (typed_check(p, err) < 0)
			return -1;
	}
	for (size_t k = 0; k < o->secrets.n; k++)
		if (secret_check(&o->secrets.v[k], err) < 0)
			return -1;
	return 0;
}

static int check_service(const struct service_def *s, struct err *err)
{
	if (tree_check(s->trees.tools, err) < 0 || tree_check(s->trees.base, err) < 0 ||
		tree_check(s->trees.os, err) < 0)
		return -1;
	if (check_secrets(s, err) < 0)
		return -1;
	for (size_t i = 0; i < s->containers.n; i++)
		if (check_container(s, &s->containers.v[i], err) < 0)
			return -1;
	for (size_t i = 0; i < s->settings.n; i++)
		if (typed_check(&s->settings.v[i], err) < 0)
			return -1;
	for (size_t i = 0; i < s->offers.n; i++)
		if (check_offer(&s->offers.v[i], err) < 0)
			return -1;
	return 0;
}

struct service_def *service_bind(
	struct arena *arena, const struct ynode *root, const char *dir, const char *layer, struct err *err)
{
	struct service_file *f = ARENA_NEW(arena, struct service_file);
	if (bind_map(arena, root, service_fields, f, err) < 0)
		return NULL;
	struct service_def *s = &f->def;
	s->dir = dir;
	s->file = root->file;
	s->layer = layer;
	if (bind_claims(arena, f->claims, s, err) < 0 || check_service(s, err) < 0)
		return NULL;
	return s;
}

static const struct ynode *variant_for_gpu(const struct service_def *s, const char *gpu)
{
	for (size_t i = 0; gpu && i < s->gpu_variants.n; i++)
		if (!strcmp(s->gpu_variants.v[i].key->text, gpu))
			return s->gpu_variants.v[i].value;
	return NULL;
}

struct service_def *service_load(struct arena *arena, const char *path, const char *shown, const char *layer,
	const struct ynode *variant, const char *gpu, struct err *err)
{
	const struct ynode *root = yaml_load(arena, path, shown, err);
	_cleanup_free_ char *dir = path_dir(path);
	struct service_def *s = root ? service_bind(arena, root, arena_strdup(arena, dir), layer, err) : NULL;
	if (s && strcmp(path_base(dir), s->name) != 0) {
		ynode_err(ynode_get(root, "service"), err,
			"service: expected '%s' as its directory is called, found '%s'", path_base(dir), s->name);
		return NULL;
	}
	if (s && !variant)
		variant = variant_for_gpu(s, gpu);
	if (!s || !variant || !strcmp(variant->text, VARIANT_NONE))
		return s;
	/* Without the variant it is right: what is wrong now is the variant's. */
	root = variant_of(arena, root, path, variant, err);
	return root ? service_bind(arena, root, s->dir, layer, err) : NULL;
}
