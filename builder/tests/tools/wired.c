/*
 * What an appliance would be told: its generated files and what its agent reads, as JSON, for test scripts.
 *   wired PROFILE     {"files": {PATH: TEXT}, "sources": {PATH: FILE OF THIS HOST}, "machine": {...}}
 */
#include "base/json.h"
#include "wire/wire.h"

/* Users of images are not known here. */
static int user(void *arg, const struct container *c, const char *owner, const char *group, uint32_t *uid,
	uint32_t *gid, struct err *err)
{
	(void)arg, (void)c, (void)owner, (void)group, (void)err;
	*uid = *gid = 0;
	return 0;
}

static int print(const char *profile, struct err *err)
{
	const struct wire_facts facts = {.version = "1", .epoch = 1763900000, .user = user};
	_cleanup_wire_ struct wire_files w = {0};
	_cleanup_json_ json_t *all = json_object(), *files = json_object(), *sources = json_object();
	struct appliance *a = appliance_load(profile, err);
	int r = a ? wire_make(a, &facts, &w, err) : -1;

	for (size_t i = 0; r == 0 && i < w.list.n; i++) {
		const struct wire_file *f = &w.list.v[i];
		if (str_eq(f->path, "/usr/lib/kiln/machine.json")) {
			json_t *machine = json_parse(f->data, f->len, f->path, err);
			if (machine)
				json_object_set_new(all, "machine", machine);
			else
				r = -1;
		} else if (f->data) {
			json_object_set_new(files, f->path, json_stringn(f->data, f->len));
		} else if (f->source) {
			json_object_set_new(sources, f->path, json_string(f->source));
		}
	}
	json_object_set(all, "files", files);
	json_object_set(all, "sources", sources);
	if (r == 0)
		r = json_dumpf(all, stdout, JSON_SORT_KEYS);
	if (a)
		appliance_free(a);
	return r;
}

int main(int argc, char **argv)
{
	_cleanup_err_ struct err err = ERR_INIT;

	if (argc != 2)
		return 2;
	if (print(argv[1], &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	return 0;
}
