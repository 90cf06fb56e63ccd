#include "config/tree.h"
#include <string.h>

const struct field tree_file_fields[] = {
	FIELD(struct file_def, from, SCALAR),
	FIELD(struct file_def, text, SCALAR),
	FIELD(struct file_def, owner, STR),
	FIELD(struct file_def, group, STR),
	FIELD(struct file_def, mode, MODE),
	FIELD_SELF(struct file_def, self),
	FIELD_END,
};
static const struct field dir_fields[] = {
	FIELD(struct dir_def, owner, STR),
	FIELD(struct dir_def, group, STR),
	FIELD(struct dir_def, mode, MODE),
	FIELD_END,
};
#define TREE_FIELDS                                                                                                    \
	FIELD(struct tree_def, packages, STRS), FIELD(struct tree_def, debconf, STRS),                                 \
		FIELD_SUB(struct tree_def, seed, NAMED, struct file_def, tree_file_fields, .any_name = true),          \
		FIELD_SUB(struct tree_def, files, NAMED, struct file_def, tree_file_fields, .any_name = true),         \
		FIELD_SUB(struct tree_def, directories, NAMED, struct dir_def, dir_fields, .any_name = true),          \
		FIELD(struct tree_def, links, MAP), FIELD(struct tree_def, remove, STRS),                              \
		FIELD_SELF(struct tree_def, self)
static const struct field run_fields[] = {
	FIELD(struct run_def, command, STRS, .required = true),
	FIELD(struct run_def, env, MAP),
	FIELD(struct run_def, user, STR),
	FIELD(struct run_def, limit, MS),
	FIELD_END,
};
const struct field image_fields[] = {
	TREE_FIELDS,
	FIELD(struct tree_def, reference, SCALAR),
	FIELD(struct tree_def, from, SCALAR),
	FIELD_SUB(struct tree_def, run, PTR, struct run_def, run_fields),
	FIELD(struct tree_def, keep, STRS),
	FIELD_END,
};
const struct field tree_fields[] = {
	TREE_FIELDS,
	FIELD(struct tree_def, mask, STRS),
	FIELD(struct tree_def, enable, STRS),
	FIELD_END,
};

int file_defs_check(const file_defs *files, struct err *err)
{
	for (size_t i = 0; i < files->n; i++) {
		const struct file_def *f = &files->v[i];
		if (f->path[0] != '/')
			return ynode_err(f->self, err, "files: expected an absolute path, found '%s'", f->path);
		if (!f->from == !f->text)
			return ynode_err(f->self, err, "%s: needs either 'from' or 'text'", f->path);
	}
	return 0;
}

int tree_check(const struct tree_def *t, struct err *err)
{
	if (!t)
		return 0;
	if (file_defs_check(&t->seed, err) < 0 || file_defs_check(&t->files, err) < 0)
		return -1;
	for (size_t i = 0; i < t->directories.n; i++)
		if (t->directories.v[i].path[0] != '/')
			return ynode_err(t->self, err, "directories: expected an absolute path, found '%s'",
				t->directories.v[i].path);
	return 0;
}

/* An image made from another one has no packages. */
static int check_keys(const struct tree_def *t, struct err *err)
{
	static const char *const known[] = {"from", "files", "run", "keep", NULL};

	for (size_t i = 0; i < t->self->n; i++) {
		const struct ynode *key = t->self->pairs[i].key;
		size_t k = 0;
		while (known[k] && strcmp(known[k], key->text) != 0)
			k++;
		if (!known[k])
			return ynode_err(key, err,
				"image: '%s' is for images composed from packages, 'from' for others", key->text);
	}
	return 0;
}

static int check_derived(const struct tree_def *t, struct err *err)
{
	const struct ynode *run = ynode_get(t->self, "run"), *kept = ynode_get(t->self, "keep");

	if (!t->from && (run || kept))
		return ynode_err(run ? run : kept, err, "image: '%s' needs 'from': the image that the command runs in",
			run ? "run" : "keep");
	if (!t->from)
		return 0;
	if (check_keys(t, err) < 0)
		return -1;
	if (run && !t->run->command.n)
		return bind_expected(ynode_get(run, "command"), "command", "a program and its arguments", err);
	if (run && ynode_get(run, "limit") && !t->run->limit)
		return bind_expected(ynode_get(run, "limit"), "limit", "a duration longer than none", err);
	if (run && !t->keep.n)
		return ynode_err(run, err, "image: 'run' needs 'keep': nothing else of what the command writes stays");
	if (kept && !run)
		return ynode_err(kept, err, "image: 'keep' needs 'run': the command whose work is kept");
	if (run || t->files.n)
		return 0;
	ynode_err(t->self, err, "image: 'from' needs 'files' or 'run'");
	return err_hint(err, "the image as it is: `image: %s`", t->from->text);
}

int image_check(const struct tree_def *t, struct err *err)
{
	if (tree_check(t, err) < 0)
		return -1;
	if (t->reference && t->self->n > 1)
		return ynode_err(t->self, err, "image: 'reference' excludes everything else");
	return check_derived(t, err);
}
