#include "plan/appliance.h"
#include "base/path.h"
#include "plan/planner.h"
#include <arpa/inet.h>
#include <errno.h>

#define DEFAULT_SUBNET "10.213.0.0/24"

const struct tree_spec *appliance_tree(const struct appliance *a, const char *id)
{
	for (size_t i = 0; i < a->trees.n; i++)
		if (!strcmp(a->trees.v[i].id, id))
			return &a->trees.v[i];
	return NULL;
}

/* One /24 of private addresses: offsets in it are the containers' addresses. */
static int check_subnet(const struct ynode *n, struct err *err)
{
	struct in_addr addr;
	const char *slash = strchr(n->text, '/');
	_cleanup_free_ char *net = slash ? xstrndup(n->text, (size_t)(slash - n->text)) : xstrdup("");
	if (!slash || strcmp(slash, "/24") != 0 || inet_pton(AF_INET, net, &addr) != 1 || (ntohl(addr.s_addr) & 0xff))
		return bind_expected(n, "subnet", "an IPv4 network such as " DEFAULT_SUBNET, err);
	return 0;
}

/* RFC 1123: labels of letters, digits and hyphens. */
static int check_domain(const struct profile *p, struct err *err)
{
	const struct ynode *place = ynode_get(p->self, "domain");
	const char *s = p->domain;
	if (strlen(s) > 200)
		return bind_expected(place, "domain", "a domain of at most 200 characters", err);
	while (*s) {
		size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");
		if (!n || n > 63 || s[0] == '-' || s[n - 1] == '-' || (s[n] && s[n] != '.') ||
			(s[n] == '.' && !s[n + 1]))
			return bind_expected(place, "domain", "a domain such as example.internal, in lower case", err);
		s += n + (s[n] == '.');
	}
	return 0;
}

static int check_ssh_keys(const struct profile *p, struct err *err)
{
	static const char *const kinds[] = {"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"};
	for (size_t i = 0; i < p->ssh_keys.n; i++) {
		const char *key = p->ssh_keys.v[i]->text;
		bool ok = false;
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
			ok |= str_starts(key, kinds[k]) && strchr(key, ' ') && !strchr(key, '\n');
		if (!ok)
			return bind_expected(p->ssh_keys.v[i], "ssh_keys",
				"a public key as in authorized_keys, without options", err);
	}
	return 0;
}

static void copy_texts(struct arena *arena, const struct ylist *in, struct str_list *out)
{
	out->v = arena_alloc(arena, (in->n + 1) * sizeof *out->v);
	for (out->n = 0; out->n < in->n; out->n++)
		out->v[out->n] = in->v[out->n]->text;
}

/* "file:line:column" of a key's value, or NULL. */
static const char *place_text(struct arena *arena, const struct ynode *n)
{
	return n ? arena_printf(arena, "%s:%u:%u", n->file, n->line, n->column) : NULL;
}

static int copy_profile(struct planner *pl, const char *path, struct err *err)
{
	struct appliance *a = pl->a;
	const struct profile *p = pl->profile;
	a->name = p->name;
	a->summary = p->summary;
	a->arch = p->arch;
	a->domain = p->domain;
	a->suite = p->suite;
	a->mirror = p->mirror;
	a->cmdline = p->cmdline;
	a->release = p->release;
	a->file = a->beside = arena_strdup(pl->arena, path);
	a->machine_memory = p->machine.memory;
	a->machine_disk = p->machine.disk;
	a->machine_cpus = (unsigned)p->machine.cpus;
	a->slot_root = p->slots.root;
	a->slot_store = p->slots.store;
	a->machine_at = place_text(pl->arena, ynode_get(p->self, "machine"));
	a->slots_at = place_text(pl->arena, ynode_get(p->self, "slots"));
	a->models_at = place_text(pl->arena, ynode_get(p->self, "models"));
	a->outputs_at = place_text(pl->arena, ynode_get(p->self, "outputs"));
	copy_texts(pl->arena, &p->components, &a->components);
	copy_texts(pl->arena, &p->ssh_keys, &a->ssh_keys);
	copy_texts(pl->arena, &p->outputs, &a->outputs);
	if (!a->components.n)
		list_add(pl->arena, &a->components, "main");
	if (!a->outputs.n)
		list_add(pl->arena, &a->outputs, "raw");
	for (size_t i = 0; i < pl->roots.n; i++)
		list_add(pl->arena, &a->roots, pl->roots.v[i].path);
	const char *shown;
	if (p->keyring && file_locate(pl->arena, p->keyring, "keyring", NULL, &a->keyring, &shown, err) < 0)
		return -1;
	if (plan_mirrors(pl, err) < 0 || plan_models(pl, err) < 0)
		return -1;
	a->subnet = p->subnet ? p->subnet->text : DEFAULT_SUBNET;
	return p->subnet ? check_subnet(p->subnet, err) : 0;
}

static void list_layers(struct planner *pl)
{
	for (size_t i = 0; i < pl->n_svcs; i++)
		if (!list_has(&pl->a->layers, pl->svcs[i].def->layer))
			list_add(pl->arena, &pl->a->layers, pl->svcs[i].def->layer);
}

static int resolve(struct planner *pl, const char *path, struct err *err)
{
	if (roots_find(pl->arena, path, &pl->roots, err) < 0)
		return -1;
	pl->profile = profile_load(pl->arena, &pl->roots, path, err);
	if (!pl->profile || check_domain(pl->profile, err) < 0 || check_ssh_keys(pl->profile, err) < 0)
		return -1;
	if (copy_profile(pl, path, err) < 0)
		return -1;
	if (plan_services(pl, err) < 0 || plan_settings(pl, err) < 0)
		return -1;
	list_layers(pl);
	/* Names first: everything may refer to containers and claims. */
	if (plan_instances(pl, err) < 0 || plan_claims(pl, err) < 0 || plan_refusals(pl, err) < 0 ||
		plan_claim_values(pl, err) < 0)
		return -1;
	if (plan_containers(pl, err) < 0 || plan_aliases(pl, err) < 0 || plan_files(pl, err) < 0)
		return -1;
	if (plan_firmware(pl, err) < 0 || plan_modules(pl, err) < 0 || plan_trees(pl, err) < 0 ||
		plan_gpus(pl, err) < 0 || plan_derived(pl, err) < 0)
		return -1;
	if (plan_secrets(pl, err) < 0 || plan_provision(pl, err) < 0)
		return -1;
	if (plan_flows(pl, err) < 0 || plan_publish(pl, err) < 0 || plan_saves(pl, err) < 0 || plan_order(pl, err) < 0)
		return -1;
	return plan_serving(pl, err) < 0 ? -1 : plan_budget(pl, err);
}

struct appliance *appliance_load(const char *profile_path, struct err *err)
{
	struct appliance *a = xcalloc(1, sizeof *a);
	struct planner pl = {.a = a, .arena = &a->arena};
	if (resolve(&pl, profile_path, err) < 0) {
		appliance_free(a);
		return NULL;
	}
	return a;
}

void appliance_free(struct appliance *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->claims.n; i++)
		json_decref(a->claims.v[i].params);
	for (size_t i = 0; i < a->provisions.n; i++)
		json_decref(a->provisions.v[i].steps);
	arena_release(&a->arena);
	free(a);
}

void appliance_cleanup(struct appliance **a)
{
	appliance_free(*a);
}

void appliance_address(const struct appliance *a, unsigned last, struct strbuf *b)
{
	/* The subnet is a /24: its first three numbers, then the container's, or 1 for the machine. */
	const char *last_dot = strrchr(a->subnet, '.');
	strbuf_add(b, a->subnet, (size_t)(last_dot - a->subnet) + 1);
	strbuf_addf(b, "%u", last);
}
