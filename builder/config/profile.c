#include "config/profile.h"
#include "base/path.h"
#include "base/str.h"
#include "base/vec.h"
#include "config/merge.h"
#include <errno.h>

#define MAX_EXTENDS 16

struct machine_def {
	uint64_t memory, disk, cpus;
};
struct slots_def {
	uint64_t root, store;
};
struct keys_def {
	const struct ynode *modules;
};
struct network_def {
	const struct ynode *subnet;
};
struct profile_file {
	struct profile p;
	const char *extends;
	struct network_def network;
};

static const struct field machine_fields[] = {
	FIELD(struct machine_def, memory, SIZE),
	FIELD(struct machine_def, disk, SIZE),
	FIELD(struct machine_def, cpus, UINT, .min = 1, .max = 1024),
	FIELD_END,
};
static const struct field slots_fields[] = {
	FIELD(struct slots_def, root, SIZE),
	FIELD(struct slots_def, store, SIZE),
	FIELD_END,
};
static const struct field keys_fields[] = {
	FIELD(struct keys_def, modules, SCALAR),
	FIELD_END,
};
static const struct field network_fields[] = {
	FIELD(struct network_def, subnet, SCALAR),
	FIELD_END,
};
static const struct field model_fields[] = {
	FIELD(struct model_def, name, SCALAR, .required = true),
	FIELD(struct model_def, file, SCALAR),
	FIELD_AS("template", struct model_def, template, SCALAR),
	FIELD(struct model_def, system, SCALAR),
	FIELD(struct model_def, parameters, NODE),
	FIELD(struct model_def, license, SCALAR),
	FIELD_SELF(struct model_def, self),
	FIELD_END,
};
static const char *const arches[] = {"amd64", "arm64", NULL};
static const struct field profile_fields[] = {
	FIELD_AS("profile", struct profile, name, IDENT, .required = true),
	FIELD(struct profile, summary, STR),
	FIELD(struct profile_file, extends, STR),
	FIELD(struct profile, arch, ENUM, .names = arches),
	FIELD(struct profile, domain, STR),
	FIELD(struct profile, suite, IDENT),
	FIELD(struct profile, components, STRS),
	FIELD(struct profile, mirror, STR),
	FIELD(struct profile, keyring, SCALAR),
	FIELD(struct profile, mirrors, NODE),
	FIELD(struct profile, registry_ca, SCALAR),
	FIELD(struct profile, services, IDENTS),
	FIELD(struct profile, exclude, IDENTS),
	FIELD(struct profile, settings, NODE),
	FIELD(struct profile, providers, MAP),
	FIELD(struct profile, variants, MAP),
	FIELD_SUB(struct profile, models, LIST, struct model_def, model_fields, .scalar_as = "name"),
	FIELD(struct profile, kernel, SCALAR),
	FIELD(struct profile, firmware, IDENTS),
	FIELD(struct profile, gpu, SCALAR),
	FIELD(struct profile, gpus, NODE),
	FIELD_SUB(struct profile, machine, STRUCT, struct machine_def, machine_fields),
	FIELD_SUB(struct profile, slots, STRUCT, struct slots_def, slots_fields),
	FIELD_SUB(struct profile, keys, STRUCT, struct keys_def, keys_fields),
	FIELD(struct profile, outputs, IDENTS),
	FIELD(struct profile, release, BOOL),
	FIELD_SUB(struct profile_file, network, STRUCT, struct network_def, network_fields),
	FIELD(struct profile, ssh_keys, STRS),
	FIELD(struct profile, cmdline, STR),
	FIELD(struct profile, packages, STRS),
	FIELD_SUB(struct profile, files, NAMED, struct file_def, tree_file_fields, .any_name = true),
	FIELD_SELF(struct profile, self),
	FIELD_END,
};

static const char *const joined[] = {"services", "exclude", "firmware", "models", "ssh_keys", "packages", NULL};

static bool list_has(const struct ynode *list, const char *text)
{
	for (size_t i = 0; list && i < list->n; i++)
		if (!strcmp(list->items[i]->text, text))
			return true;
	return false;
}

/* The parent without the things that are its own (its place in the chain) or that the child takes back. */
static const struct ynode *inheritable(struct arena *arena, const struct ynode *parent, const struct ynode *child)
{
	struct ynode *n = ARENA_NEW(arena, struct ynode);
	*n = *parent;
	n->n = 0;
	n->pairs = arena_alloc(arena, (parent->n + 1) * sizeof *n->pairs);
	for (size_t i = 0; i < parent->n; i++) {
		struct ypair p = parent->pairs[i];
		if (!strcmp(p.key->text, "extends") || !strcmp(p.key->text, "summary"))
			continue;
		if (!strcmp(p.key->text, "exclude")) {
			struct ynode *left = ARENA_NEW(arena, struct ynode);
			*left = *p.value;
			left->n = 0;
			left->items = arena_alloc(arena, (p.value->n + 1) * sizeof *left->items);
			for (size_t k = 0; k < p.value->n; k++)
				if (!list_has(ynode_get(child, "services"), p.value->items[k]->text))
					left->items[left->n++] = p.value->items[k];
			p.value = left;
		}
		n->pairs[n->n++] = p;
	}
	return n;
}

struct chain { /* the files read so far, child first */
	const char *real[MAX_EXTENDS];
	const char *name[MAX_EXTENDS];
	size_t n;
};

static int find_parent(struct arena *arena, const struct roots *roots, const char *file, const char *shown,
	const struct ynode *extends, struct found *ret, struct err *err)
{
	_cleanup_free_ char *dir = path_dir(file), *shown_dir = path_dir(shown);
	const char *name = extends->text;
	bool is_path = str_ends(name, ".yaml");
	const char *rel = is_path ? name : arena_printf(arena, "%s.yaml", name);
	if (is_path && name[0] == '/') {
		*ret = (struct found){.path = name, .shown = name};
	} else {
		ret->path = arena_printf(arena, "%s/%s", dir, rel);
		ret->shown = strcmp(shown_dir, ".") ? arena_printf(arena, "%s/%s", shown_dir, rel) : rel;
	}
	if (path_exists(ret->path))
		return 0;
	if (!is_path && roots_yaml(roots, arena, "profiles", name, ret))
		return 0;
	ynode_err(extends, err, "extends: there is no profile '%s'", name);
	return is_path ? -1 : bind_hint(err, name, roots_names(roots, arena, "profiles"));
}

static int check_circle(struct arena *arena, struct chain *c, const char *path, const struct ynode *root,
	const struct ynode *place, struct err *err)
{
	const struct ynode *name = ynode_get(root, "profile");
	_cleanup_free_ char *real = realpath(path, NULL);
	if (!real)
		return err_sys(err, errno, "%s", path);
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->real[i], real)) {
			_cleanup_strbuf_ struct strbuf way = STRBUF_INIT;
			for (size_t k = i; k < c->n; k++)
				strbuf_addf(&way, "%s -> ", c->name[k]);
			return ynode_err(place, err, "extends: goes in a circle: %s%s", strbuf_cstr(&way), c->name[i]);
		}
	if (c->n == MAX_EXTENDS)
		return ynode_err(place, err, "extends: more than %d profiles in a row", MAX_EXTENDS);
	c->real[c->n] = arena_strdup(arena, real);
	c->name[c->n++] = name && name->kind == Y_SCALAR ? name->text : path_base(path);
	return 0;
}

int profile_check(struct arena *arena, const struct ynode *root, struct err *err)
{
	struct profile_file f = {0};
	if (bind_map(arena, root, profile_fields, &f, err) < 0)
		return -1;
	return file_defs_check(&f.p.files, err);
}

/* Read a file, check it by itself (so that its errors are its own), then put it over what it extends. */
static const struct ynode *load_merged(struct arena *arena, const struct roots *roots, const char *path,
	const char *shown, struct chain *chain, const struct ynode *place, struct err *err)
{
	const struct ynode *root = yaml_load(arena, path, shown, err);
	if (!root || profile_check(arena, root, err) < 0 ||
		check_circle(arena, chain, path, root, place ? place : root, err) < 0)
		return NULL;
	const struct ynode *extends = ynode_get(root, "extends");
	if (!extends)
		return root;
	struct found parent = {0};
	if (find_parent(arena, roots, path, shown, extends, &parent, err) < 0)
		return NULL;
	const struct ynode *below = load_merged(arena, roots, parent.path, parent.shown, chain, extends, err);
	return below ? ynode_merge(arena, inheritable(arena, below, root), root, joined) : NULL;
}

struct profile *profile_load(struct arena *arena, const struct roots *roots, const char *path, struct err *err)
{
	struct chain chain = {.n = 0};
	const struct ynode *root = load_merged(arena, roots, path, path, &chain, NULL, err);
	if (!root)
		return NULL;
	struct profile_file *f = ARENA_NEW(arena, struct profile_file);
	f->p.arch = "amd64";
	f->p.suite = "trixie";
	f->p.domain = "kiln.internal";
	if (bind_map(arena, root, profile_fields, f, err) < 0)
		return NULL;
	f->p.subnet = f->network.subnet;
	return &f->p;
}
