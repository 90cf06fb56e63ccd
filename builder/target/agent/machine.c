#include "target/agent/machine.h"
#include "base/json.h"
#include "base/str.h"
#include <arpa/inet.h>

#define MACHINE_MAX (64u << 20)

int subnet_parse(const char *text, uint32_t *base, unsigned *bits, struct err *err)
{
	char addr[16];
	uint64_t n;
	struct in_addr in;
	const char *slash = strchr(text, '/');
	bool ok = slash && (size_t)(slash - text) < sizeof addr && str_to_u64(slash + 1, &n) && n >= 8 && n <= 29;
	if (ok) {
		memcpy(addr, text, (size_t)(slash - text));
		addr[slash - text] = 0;
		ok = inet_pton(AF_INET, addr, &in) == 1;
	}
	if (ok && (ntohl(in.s_addr) & (UINT32_MAX >> n)))
		return err_set(err, ERR_CONFIG, "subnet %s has bits set beyond its prefix", text);
	if (!ok)
		return err_set(err, ERR_CONFIG, "subnet \"%s\" is not ADDRESS/PREFIX with a prefix of 8 to 29", text);
	*base = ntohl(in.s_addr);
	*bits = (unsigned)n;
	return 0;
}

static void format_address(char out[16], uint32_t address)
{
	snprintf(out, 16, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
}

static unsigned opt_u32(const json_t *o, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(o, key));
	return v < 0 || v > (json_int_t)UINT32_MAX ? 0 : (unsigned)v;
}

static uint64_t opt_u64(const json_t *o, const char *key, uint64_t otherwise)
{
	const json_t *j = json_object_get(o, key);
	return json_is_integer(j) && json_integer_value(j) >= 0 ? (uint64_t)json_integer_value(j) : otherwise;
}

static const char *opt_str(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

/* An array of strings (or one string) as a NULL-terminated list; anything else is an empty one. */
static const char *const *strings(struct machine *m, const json_t *j)
{
	size_t n = json_is_string(j) ? 1 : json_array_size(j), used = 0;
	const char **v = arena_alloc(&m->arena, (n + 1) * sizeof *v);
	for (size_t i = 0; i < n; i++) {
		const char *s = json_string_value(json_is_string(j) ? j : json_array_get(j, i));
		if (s)
			v[used++] = s;
	}
	return v;
}

static int parse_health(struct machine *m, const json_t *j, struct health *h, struct err *err)
{
	static const char *const kinds[] = {"none", "http", "https", "tcp", "exec"};
	const char *kind = opt_str(j, "kind");
	h->kind = PROBE_NONE;
	if (kind) {
		size_t i = 0;
		while (i < ARRAY_SIZE(kinds) && !str_eq(kind, kinds[i]))
			i++;
		if (i == ARRAY_SIZE(kinds))
			return err_set(err, ERR_CONFIG, "health: unknown kind \"%s\"", kind);
		h->kind = (enum probe_kind)i;
	}
	h->port = opt_u32(j, "port");
	h->path = opt_str(j, "path");
	h->exec = strings(m, json_object_get(j, "exec"));
	h->interval_ms = opt_u64(j, "interval", 0);
	h->timeout_ms = opt_u64(j, "timeout", 0);
	h->start_ms = opt_u64(j, "start", 0);
	if (!h->interval_ms)
		h->interval_ms = 5000;
	if (!h->timeout_ms)
		h->timeout_ms = 5000;
	if (!h->start_ms)
		h->start_ms = 60000;
	const json_t *expect = json_object_get(j, "expect");
	for (size_t i = 0; i < json_array_size(expect) && i + 1 < ARRAY_SIZE(h->expect); i++)
		h->expect[i] = (unsigned)json_integer_value(json_array_get(expect, i));
	if (h->kind != PROBE_NONE && h->kind != PROBE_EXEC && (!h->port || h->port > 65535))
		return err_set(err, ERR_CONFIG, "health: port missing or out of range");
	if (h->kind == PROBE_EXEC && !h->exec[0])
		return err_set(err, ERR_CONFIG, "health: empty command");
	return 0;
}

static int parse_files(struct machine *m, const json_t *list, struct container *c, struct err *err)
{
	c->n_files = json_array_size(list);
	c->files = arena_alloc(&m->arena, (c->n_files + 1) * sizeof *c->files);
	for (size_t i = 0; i < c->n_files; i++) {
		const json_t *j = json_array_get(list, i);
		struct rendered_file *f = &c->files[i];
		f->path = json_need_str(j, "path", err);
		f->text = f->path ? json_need_str(j, "text", err) : NULL;
		if (!f->text)
			return err_wrap(err, "files[%zu]", i);
		f->mode = opt_u32(j, "mode");
		f->uid = opt_u32(j, "uid");
		f->gid = opt_u32(j, "gid");
	}
	return 0;
}

static int parse_env(struct machine *m, const json_t *list, struct container *c, struct err *err)
{
	c->n_env = json_array_size(list);
	c->env = arena_alloc(&m->arena, (c->n_env + 1) * sizeof *c->env);
	for (size_t i = 0; i < c->n_env; i++) {
		const json_t *j = json_array_get(list, i);
		c->env[i].name = json_need_str(j, "name", err);
		c->env[i].value = c->env[i].name ? json_need_str(j, "value", err) : NULL;
		if (!c->env[i].value)
			return err_wrap(err, "env[%zu]", i);
	}
	return 0;
}

static int parse_container(
	struct machine *m, const json_t *j, uint32_t base, unsigned bits, struct container *c, struct err *err)
{
	uint64_t offset;
	c->name = json_need_str(j, "name", err);
	c->service = c->name ? json_need_str(j, "service", err) : NULL;
	c->unit = c->service ? json_need_str(j, "unit", err) : NULL;
	if (!c->unit || json_need_u64(j, "address", &offset, err) < 0)
		return -1;
	if (offset < 2 || offset >= (UINT32_C(1) << (32 - bits)) - 1)
		return err_set(
			err, ERR_CONFIG, "address %llu is outside of subnet %s", (unsigned long long)offset, m->subnet);
	format_address(c->address, base + (uint32_t)offset);
	c->aliases = strings(m, json_object_get(j, "aliases"));
	c->layer = opt_str(j, "layer");
	c->memory = opt_u64(j, "memory", 0);
	const json_t *reload = json_object_get(j, "reload");
	c->reload_signal = opt_str(reload, "signal");
	const json_t *command = json_object_get(reload, "exec");
	c->reload_exec = command ? strings(m, command) : NULL;
	if (parse_health(m, json_object_get(j, "health"), &c->health, err) < 0 ||
		parse_files(m, json_object_get(j, "files"), c, err) < 0 ||
		parse_env(m, json_object_get(j, "env"), c, err) < 0)
		return err_wrap(err, "%s", c->name);
	return 0;
}

static int parse_containers(struct machine *m, struct err *err)
{
	uint32_t base;
	unsigned bits;
	if (subnet_parse(m->subnet, &base, &bits, err) < 0)
		return -1;
	format_address(m->gateway, base + 1);
	const json_t *list = json_object_get(m->root, "containers");
	m->n_containers = json_array_size(list);
	m->containers = arena_alloc(&m->arena, (m->n_containers + 1) * sizeof *m->containers);
	for (size_t i = 0; i < m->n_containers; i++)
		if (parse_container(m, json_array_get(list, i), base, bits, &m->containers[i], err) < 0)
			return err_wrap(err, "containers[%zu]", i);
	return 0;
}

static int parse_services(struct machine *m, struct err *err)
{
	const json_t *list = json_object_get(m->root, "services");
	m->n_services = json_array_size(list);
	m->services = arena_alloc(&m->arena, (m->n_services + 1) * sizeof *m->services);
	for (size_t i = 0; i < m->n_services; i++) {
		const json_t *j = json_array_get(list, i);
		struct service *s = &m->services[i];
		s->name = json_need_str(j, "name", err);
		if (!s->name)
			return err_wrap(err, "services[%zu]", i);
		s->layer = opt_str(j, "layer");
		s->summary = opt_str(j, "summary");
		s->containers = strings(m, json_object_get(j, "containers"));
	}
	return 0;
}

static int parse_secrets(struct machine *m, struct err *err)
{
	const json_t *list = json_object_get(m->root, "secrets");
	m->n_secrets = json_array_size(list);
	m->secrets = arena_alloc(&m->arena, (m->n_secrets + 1) * sizeof *m->secrets);
	for (size_t i = 0; i < m->n_secrets; i++) {
		const json_t *j = json_array_get(list, i), *cert = json_object_get(j, "certificate");
		struct secret *s = &m->secrets[i];
		s->id = json_need_str(j, "id", err);
		if (!s->id)
			return err_wrap(err, "secrets[%zu]", i);
		s->bytes = opt_u32(j, "bytes");
		s->encoding = opt_str(j, "encoding");
		s->show = opt_str(j, "show");
		s->given = json_is_true(json_object_get(j, "given"));
		s->certificate = json_is_object(cert);
		s->site = json_is_true(json_object_get(cert, "site"));
		s->names = strings(m, json_object_get(cert, "names"));
		s->containers = strings(m, json_object_get(cert, "containers"));
	}
	return 0;
}

static int parse_provisions(struct machine *m, struct err *err)
{
	const json_t *list = json_object_get(m->root, "provision");
	m->n_provisions = json_array_size(list);
	m->provisions = arena_alloc(&m->arena, (m->n_provisions + 1) * sizeof *m->provisions);
	for (size_t i = 0; i < m->n_provisions; i++) {
		const json_t *j = json_array_get(list, i);
		struct provision *p = &m->provisions[i];
		p->id = json_need_str(j, "id", err);
		p->service = p->id ? json_need_str(j, "service", err) : NULL;
		p->steps = p->service ? json_need_array(j, "steps", err) : NULL;
		if (!p->steps)
			return err_wrap(err, "provision[%zu]", i);
		p->title = opt_str(j, "title");
		p->containers = strings(m, json_object_get(j, "containers"));
	}
	return 0;
}

static const struct container *need_container(
	const struct machine *m, const json_t *j, const char *key, struct err *err)
{
	const char *name = json_need_str(j, key, err);
	const struct container *c = name ? machine_container(m, name) : NULL;
	if (name && !c)
		err_set(err, ERR_CONFIG, "%s: no container \"%s\"", key, name);
	return c;
}

static int parse_flows(struct machine *m, struct err *err)
{
	const json_t *list = json_object_get(m->root, "flows");
	m->n_flows = json_array_size(list);
	m->flows = arena_alloc(&m->arena, (m->n_flows + 1) * sizeof *m->flows);
	for (size_t i = 0; i < m->n_flows; i++) {
		const json_t *j = json_array_get(list, i);
		struct flow *f = &m->flows[i];
		f->from = need_container(m, j, "from", err);
		f->to = f->from ? need_container(m, j, "to", err) : NULL;
		if (!f->to)
			return err_wrap(err, "flows[%zu]", i);
		f->port = opt_u32(j, "port");
		f->protocol = opt_str(j, "protocol");
		f->why = opt_str(j, "why");
	}
	return 0;
}

static int parse_doors(struct machine *m, struct err *err)
{
	const json_t *list = json_object_get(m->root, "publish");
	m->n_published = json_array_size(list);
	m->published = arena_alloc(&m->arena, (m->n_published + 1) * sizeof *m->published);
	for (size_t i = 0; i < m->n_published; i++) {
		const json_t *j = json_array_get(list, i);
		m->published[i] = (struct publish){opt_str(j, "address"), opt_u32(j, "host_port"), opt_u32(j, "port"),
			opt_str(j, "protocol"), need_container(m, j, "container", err)};
		if (!m->published[i].container)
			return err_wrap(err, "publish[%zu]", i);
	}
	list = json_object_get(m->root, "egress");
	m->n_egress = json_array_size(list);
	m->egress = arena_alloc(&m->arena, (m->n_egress + 1) * sizeof *m->egress);
	for (size_t i = 0; i < m->n_egress; i++) {
		const json_t *j = json_array_get(list, i);
		m->egress[i] = (struct egress){need_container(m, j, "container", err), opt_str(j, "to"),
			opt_u32(j, "port"), opt_str(j, "protocol")};
		if (!m->egress[i].container)
			return err_wrap(err, "egress[%zu]", i);
	}
	return 0;
}

static int parse_item(struct machine *m, const json_t *j, struct backup_item *b, struct err *err)
{
	b->id = json_need_str(j, "id", err);
	b->service = b->id ? json_need_str(j, "service", err) : NULL;
	b->save = b->service ? json_need_array(j, "save", err) : NULL;
	b->load = b->save ? json_need_array(j, "load", err) : NULL;
	if (!b->load)
		return -1;
	b->containers = strings(m, json_object_get(j, "containers"));
	b->restart = strings(m, json_object_get(j, "restart"));
	b->user = opt_str(j, "user");
	b->timeout_ms = opt_u64(j, "timeout", 3600000);
	return 0;
}

static int parse_backup(struct machine *m, struct err *err)
{
	const json_t *j = json_object_get(m->root, "backup"), *list = json_object_get(j, "items");
	m->backup = json_object_get(j, "options");
	m->n_saved = json_array_size(list);
	m->saved = arena_alloc(&m->arena, (m->n_saved + 1) * sizeof *m->saved);
	for (size_t i = 0; i < m->n_saved; i++)
		if (parse_item(m, json_array_get(list, i), &m->saved[i], err) < 0)
			return err_wrap(err, "backup: items[%zu]", i);
	return 0;
}

static int parse(struct machine *m, const char *subnet, struct err *err)
{
	uint64_t version;
	if (json_need_u64(m->root, "kiln", &version, err) < 0)
		return -1;
	if (version != 1)
		return err_set(err, ERR_CONFIG, "format %llu, this program reads 1", (unsigned long long)version);
	m->name = opt_str(m->root, "name");
	m->version = opt_str(m->root, "version");
	m->domain = opt_str(m->root, "domain");
	m->epoch = (int64_t)opt_u64(m->root, "epoch", 0);
	const json_t *net = json_need_object(m->root, "network", err);
	const char *own = net ? json_need_str(net, "subnet", err) : NULL;
	m->bridge = own ? json_need_str(net, "bridge", err) : NULL;
	if (!m->bridge)
		return -1;
	m->network = opt_str(net, "name");
	snprintf(m->subnet, sizeof m->subnet, "%s", subnet ? subnet : own);
	if (parse_containers(m, err) < 0 || parse_services(m, err) < 0 || parse_secrets(m, err) < 0)
		return -1;
	if (parse_provisions(m, err) < 0 || parse_flows(m, err) < 0 || parse_doors(m, err) < 0)
		return -1;
	return parse_backup(m, err);
}

int machine_load(struct machine *m, const char *path, const char *subnet, struct err *err)
{
	*m = (struct machine){0};
	m->root = json_read(path, MACHINE_MAX, err);
	if (!m->root)
		return -1;
	return parse(m, subnet, err) < 0 ? err_wrap(err, "%s", path) : 0;
}

void machine_release(struct machine *m)
{
	json_decref(m->root);
	arena_release(&m->arena);
	*m = (struct machine){0};
}

const struct container *machine_container(const struct machine *m, const char *name)
{
	for (size_t i = 0; i < m->n_containers; i++)
		if (str_eq(m->containers[i].name, name))
			return &m->containers[i];
	return NULL;
}

const struct secret *machine_secret(const struct machine *m, const char *id)
{
	for (size_t i = 0; i < m->n_secrets; i++)
		if (str_eq(m->secrets[i].id, id))
			return &m->secrets[i];
	return NULL;
}

const struct provision *machine_provision(const struct machine *m, const char *id)
{
	for (size_t i = 0; i < m->n_provisions; i++)
		if (str_eq(m->provisions[i].id, id))
			return &m->provisions[i];
	return NULL;
}
