#include "plan/explain.h"
#include "base/path.h"
#include "base/str.h"
#include "plan/order.h"

/* A table: the columns as wide as their widest cell, the last one unpadded. */
#define MAX_COLUMNS 5
struct table {
	struct strvec cells;
	size_t columns;
	size_t width[MAX_COLUMNS];
};

static void cell(struct table *t, const char *text)
{
	size_t column = t->cells.n % t->columns, len = strlen(text);
	strvec_add(&t->cells, text);
	if (t->width[column] < len)
		t->width[column] = len;
}

static void print_table(struct strbuf *b, struct table *t, const char *indent)
{
	for (size_t i = 0; i < t->cells.n; i++) {
		size_t column = i % t->columns;
		bool last = column == t->columns - 1 || !t->cells.v[i + 1][0];
		if (!column)
			strbuf_adds(b, indent);
		if (last)
			strbuf_adds(b, t->cells.v[i]);
		else
			strbuf_addf(b, "%-*s  ", (int)t->width[column], t->cells.v[i]);
		if (column == t->columns - 1 || last) {
			strbuf_addc(b, '\n');
			i += t->columns - 1 - column;
		}
	}
	strvec_release(&t->cells);
}

static void print_services(const struct appliance *a, struct strbuf *b)
{
	const char *layer = "";
	for (size_t i = 0; i < a->services.n; i++) {
		const struct service *s = &a->services.v[i];
		if (strcmp(layer, s->layer) != 0)
			strbuf_addf(b, "\n%s\n", s->layer);
		layer = s->layer;
		strbuf_addf(b, "  %-16s %s\n", s->name, s->summary);
		struct table t = {.columns = 4};
		for (size_t k = 0; k < s->n_containers; k++) {
			const struct container *c = &a->containers.v[s->first_container + k];
			_cleanup_strbuf_ struct strbuf address = STRBUF_INIT, image = STRBUF_INIT;
			strbuf_addf(&image, "%s%s", c->derived ? "from " : "", c->source ? c->source : "from packages");
			appliance_address(a, c->address, &address);
			cell(&t, c->name);
			cell(&t, address.s);
			cell(&t, c->memory ? str_bytes(c->memory) : "-");
			cell(&t, image.s);
		}
		print_table(b, &t, "    ");
	}
}

static void print_claims(const struct appliance *a, struct strbuf *b)
{
	struct table t = {.columns = 4};
	for (size_t i = 0; i < a->claims.n; i++) {
		const struct claim *c = &a->claims.v[i];
		_cleanup_free_ char *name = xasprintf("%s.%s", c->service, c->name);
		_cleanup_free_ char *params = json_dumps(c->params, JSON_SORT_KEYS | JSON_COMPACT);
		cell(&t, name);
		cell(&t, c->kind);
		cell(&t, c->provider ? c->provider : "nobody (optional)");
		cell(&t, c->provider && params && strcmp(params, "{}") ? params : "");
	}
	if (a->claims.n)
		strbuf_adds(b, "\nclaims\n");
	print_table(b, &t, "  ");
}

/* By the service, or by its containers where only some may leave. */
static void print_egress(const struct service *s, struct strbuf *b)
{
	for (size_t i = 0; i < s->egress.n; i++) {
		const struct egress *e = &s->egress.v[i];
		bool all = e->containers.n == s->n_containers;
		for (size_t k = 0; k < (all ? 1 : e->containers.n); k++)
			strbuf_addf(b, "  %s leaves the machine to %s:%u/%s\n", all ? s->name : e->containers.v[k],
				e->to, e->port, e->protocol);
	}
}

static void print_given(const struct appliance *a, struct strbuf *b)
{
	bool first = true;
	for (size_t i = 0; i < a->secrets.n; i++) {
		if (!a->secrets.v[i].given)
			continue;
		strbuf_addf(b, "%s  kiln-agent give %s\n", first ? "\nsecrets that the machine is given\n" : "",
			a->secrets.v[i].id);
		first = false;
	}
}

static void print_network(const struct appliance *a, struct strbuf *b)
{
	struct table t = {.columns = 2};
	size_t flows = 0;
	for (size_t i = 0; i < a->flows.n; i++)
		flows += a->flows.v[i].port != 0;
	strbuf_addf(b, "\nnetwork %s\n  %zu container%s, %zu flow%s between services\n", a->subnet, a->containers.n,
		a->containers.n == 1 ? "" : "s", flows, flows == 1 ? "" : "s");
	strbuf_adds(b, "  name server for them: ");
	appliance_address(a, 1, b);
	strbuf_adds(b, ":53\n");
	for (size_t i = 0; i < a->services.n; i++)
		print_egress(&a->services.v[i], b);
	strbuf_adds(b, a->published.n ? "\npublished ports\n" : "\npublished ports: none\n");
	for (size_t i = 0; i < a->published.n; i++) {
		const struct publish *p = &a->published.v[i];
		_cleanup_free_ char *from =
			xasprintf("%s:%u/%s", p->address ? p->address : "*", p->host_port, p->protocol);
		_cleanup_free_ char *to = p->container ? xasprintf("-> %s:%u", p->container, p->port)
						       : xasprintf("-> the machine itself (%s)", p->service);
		cell(&t, from);
		cell(&t, to);
	}
	print_table(b, &t, "  ");
}

/* Sets of drivers' firmware, and which containers get GPUs. */
static void print_firmware(const struct appliance *a, struct strbuf *b)
{
	struct table t = {.columns = 2}, gpus = {.columns = 2};
	strbuf_adds(b, "\nfirmware\n");
	for (size_t i = 0; i < a->firmware.n; i++) {
		cell(&t, a->firmware.v[i]);
		cell(&t, a->firmware_summaries.v[i]);
	}
	print_table(b, &t, "  ");
	for (size_t i = 0; i < a->firmware_left_out.n; i++)
		strbuf_addf(b, "%s%s%s", i ? ", " : "  left out: ", a->firmware_left_out.v[i],
			i + 1 == a->firmware_left_out.n ? "\n" : "");
	for (size_t i = 0; i < a->builds.n; i++) {
		const struct module_build *d = &a->builds.v[i];
		strbuf_addf(b, "  %s builds", d->set);
		for (size_t k = 0; k < d->modules.n; k++)
			strbuf_addf(b, "%s %s", k ? "," : "", path_base(d->modules.v[k]));
		strbuf_addf(b, " for the kernel, from %s, signed with %s\n", d->source,
			a->module_key ? a->module_key : "a key of this cache");
	}
	for (size_t i = 0; i < a->containers.n; i++) {
		const struct container *c = &a->containers.v[i];
		_cleanup_strbuf_ struct strbuf names = STRBUF_INIT;
		if (!c->gpu)
			continue;
		for (size_t k = 0; k < c->gpus.n; k++)
			strbuf_addf(&names, "%s%s", k ? ", " : "", c->gpus.v[k]);
		cell(&gpus, c->name);
		cell(&gpus, names.len ? names.s : "on the CPU");
	}
	if (a->gpu || gpus.cells.n)
		strbuf_addf(b, "\ngpu: %s\n", a->gpu ? a->gpu->name : "none");
	print_table(b, &gpus, "  ");
}

static void print_order(const struct appliance *a, struct strbuf *b)
{
	size_t n = a->containers.n + a->provisions.n;
	unsigned *level = xcalloc(n + 1, sizeof *level), last = 0;
	order_levels(a, level);
	for (size_t i = 0; i < n; i++)
		last = level[i] > last ? level[i] : last;
	if (n)
		strbuf_adds(b, "\nstart order\n");
	for (unsigned wave = 0; n && wave <= last; wave++) {
		const char *sep = "";
		strbuf_addf(b, "  %2u  ", wave + 1);
		for (size_t i = 0; i < n; i++) {
			if (level[i] != wave)
				continue;
			if (i < a->containers.n)
				strbuf_addf(b, "%s%s", sep, a->containers.v[i].name);
			else
				strbuf_addf(b, "%s[provision %s]", sep, a->provisions.v[i - a->containers.n].id);
			sep = ", ";
		}
		strbuf_addc(b, '\n');
	}
	free(level);
}

static void print_needed(struct strbuf *b, const char *what, uint64_t need, uint64_t have)
{
	strbuf_addf(b, "  %-7s %s", what, str_bytes(need));
	if (have)
		strbuf_addf(b, " of %s", str_bytes(have));
}

/* What is behind the sum for the disk, as far as known. */
static void print_disk(const struct appliance *a, const struct image_sizes *sizes, struct strbuf *b)
{
	print_needed(b, "disk", a->disk_needed, a->machine_disk);
	if (sizes->root && sizes->store) {
		strbuf_addf(b, ": two slots of root (%s) and", str_bytes(sizes->root));
		strbuf_addf(b, " store (%s)%s\n", str_bytes(sizes->store),
			sizes->least ? ", at least, by the sizes in the lock" : ", as built");
		return;
	}
	strbuf_adds(b,
		a->slot_root && a->slot_store ? "\n" : ", and two slots of root and store, sized by their content\n");
}

static struct models_need models_need(const struct appliance *a)
{
	_cleanup_err_ struct err ignored = ERR_INIT; /* it was checked before */
	struct models_need need;
	(void)appliance_models(a, &need, &ignored);
	return need;
}

static void print_models(const struct appliance *a, struct strbuf *b)
{
	struct table t = {.columns = 4};
	if (!a->models.n)
		return;
	strbuf_adds(b, "\nmodels, in the store\n");
	for (size_t i = 0; i < a->models.n; i++) {
		const struct model *m = &a->models.v[i];
		cell(&t, m->show);
		cell(&t, m->weights ? str_bytes(m->weights) : "size known after `kiln lock`");
		cell(&t, m->source);
		cell(&t, "");
	}
	print_table(b, &t, "  ");
	struct models_need need = models_need(a);
	for (size_t i = 0; i < a->containers.n; i++) {
		const struct container *c = &a->containers.v[i];
		if (!c->models.path)
			continue;
		size_t n = c->models.loaded && c->models.loaded < a->models.n ? (size_t)c->models.loaded : a->models.n;
		uint64_t memory = container_models(a, c);
		strbuf_addf(b, "  %s has %zu of them loaded at once: ", c->name, n);
		if (!memory) {
			strbuf_adds(b, "how much memory is known after `kiln lock`\n");
			continue;
		}
		strbuf_addf(b, "%s%s of memory, of the machine or its GPU",
			need.unknown || need.headless ? "at least " : "", str_bytes(memory));
		if (need.context)
			strbuf_addf(b, ", %s of it for their context", str_bytes(need.context));
		strbuf_adds(b, need.headless ? ", the rest of that known after `kiln fetch`\n" : "\n");
	}
}

char *explain_appliance(const struct appliance *a, const struct image_sizes *sizes)
{
	struct strbuf b = STRBUF_INIT;
	strbuf_addf(&b, "%s%s%s\n", a->name, a->summary ? ": " : "", a->summary ? a->summary : "");
	strbuf_addf(&b, "%s, %s, %s, domain %s\n", a->file, a->arch, a->suite, a->domain);
	print_services(a, &b);
	print_claims(a, &b);
	print_network(a, &b);
	print_given(a, &b);
	print_order(a, &b);
	print_firmware(a, &b);
	print_models(a, &b);
	strbuf_adds(&b, "\nbudget\n");
	struct models_need models = models_need(a);
	print_needed(&b, "memory", a->memory_needed + models.memory, a->machine_memory);
	if (models.unknown)
		strbuf_adds(&b, ", and models whose size is known after `kiln lock`");
	strbuf_addc(&b, '\n');
	print_disk(a, sizes, &b);
	return strbuf_steal(&b);
}

char *explain_flows(const struct appliance *a)
{
	struct strbuf b = STRBUF_INIT;
	struct table t = {.columns = 4};
	cell(&t, "FROM");
	cell(&t, "TO");
	cell(&t, "PORT");
	cell(&t, "BECAUSE OF");
	for (size_t i = 0; i < a->flows.n; i++) {
		const struct flow *f = &a->flows.v[i];
		_cleanup_free_ char *port = f->port ? xasprintf("%u/%s", f->port, f->protocol) : xstrdup("all");
		cell(&t, f->from);
		cell(&t, f->to);
		cell(&t, port);
		cell(&t, f->why);
	}
	print_table(&b, &t, "");
	return strbuf_steal(&b);
}

json_t *explain_flows_json(const struct appliance *a)
{
	json_t *j = json_array();
	for (size_t i = 0; i < a->flows.n; i++) {
		const struct flow *f = &a->flows.v[i];
		json_array_append_new(j, json_pack("{s:s, s:s, s:i, s:s, s:s}", "from", f->from, "to", f->to, "port",
						 (int)f->port, "protocol", f->protocol, "why", f->why));
	}
	return j;
}

/* A name with the profile's domain in it, if that is what it ends in. */
static void add_public(const struct appliance *a, const char *name, struct strvec *names)
{
	static const char ref[] = "${fact:domain}";
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	for (const char *p; (p = strstr(name, ref)); name = p + strlen(ref)) {
		strbuf_add(&b, name, (size_t)(p - name));
		strbuf_adds(&b, a->domain);
	}
	strbuf_adds(&b, name);
	_cleanup_free_ char *suffix = xasprintf(".%s", a->domain);
	if (!strcmp(b.s, a->domain) || str_ends(b.s, suffix))
		strvec_add(names, b.s);
}

/* Names of services that answer on the machine's ports: further names of their containers, and those in their
 * certificates. */
static void public_names(const struct appliance *a, struct strvec *names)
{
	for (size_t i = 0; i < a->services.n; i++) {
		const struct service *s = &a->services.v[i];
		bool published = false;
		for (size_t k = 0; k < a->published.n; k++)
			published |= a->published.v[k].container && !strcmp(a->published.v[k].service, s->name);
		for (size_t k = 0; published && k < s->n_containers; k++) {
			const struct container *c = &a->containers.v[s->first_container + k];
			for (size_t m = 0; m < c->aliases.n; m++)
				add_public(a, c->aliases.v[m], names);
		}
		_cleanup_free_ char *own = xasprintf("%s/", s->name);
		for (size_t k = 0; published && k < a->secrets.n; k++)
			for (size_t m = 0; str_starts(a->secrets.v[k].id, own) && m < a->secrets.v[k].names.n; m++)
				add_public(a, a->secrets.v[k].names.v[m], names);
	}
	strvec_sort(names);
	strvec_uniq(names);
}

char *explain_dns(const struct appliance *a)
{
	struct strbuf b = STRBUF_INIT;
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	public_names(a, &names);
	if (!names.n) {
		strbuf_adds(&b, "; nothing of this appliance has a public name\n");
		return strbuf_steal(&b);
	}
	strbuf_addf(&b, "; ADDRESS is the machine's address. In a zone:\n$ORIGIN %s.\n", a->domain);
	for (size_t i = 0; i < names.n; i++) {
		size_t len = strlen(names.v[i]) - strlen(a->domain);
		strbuf_addf(&b, "%.*s\tIN\tA\tADDRESS\n", len ? (int)len - 1 : 1, len ? names.v[i] : "@");
	}
	strbuf_adds(&b, "\n; or in /etc/hosts:\nADDRESS");
	for (size_t i = 0; i < names.n; i++)
		if (names.v[i][0] != '*') /* no such thing in a hosts file */
			strbuf_addf(&b, " %s", names.v[i]);
	strbuf_addc(&b, '\n');
	return strbuf_steal(&b);
}

json_t *explain_dns_json(const struct appliance *a)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	public_names(a, &names);
	json_t *list = json_array();
	for (size_t i = 0; i < names.n; i++)
		json_array_append_new(list, json_string(names.v[i]));
	return json_pack("{s:s, s:o}", "domain", a->domain, "names", list);
}
