/* What disks and buckets have alike. */
#include "base/json.h"
#include "base/vec.h"
#include "target/agent/backup.h"

int vault_open(struct vault *v, const struct agent *a, const json_t *options, struct err *err)
{
	static const struct vault_kind *const kinds[] = {&vault_disk, &vault_s3};
	const char *target = json_string_value(json_object_get(options, "target")),
		   *folder = json_string_value(json_object_get(options, "folder"));
	*v = (struct vault){.folder = folder && *folder ? folder : a->m.name};
	if (!v->folder || !agent_id_ok(v->folder) || strchr(v->folder, '/'))
		return err_set(
			err, ERR_CONFIG, "folder \"%s\" is not the name of a directory", v->folder ? v->folder : "");
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && !v->kind; i++)
		if (str_eq(kinds[i]->name, target))
			v->kind = kinds[i];
	if (!v->kind)
		return err_set(err, ERR_CONFIG, "no target \"%s\"", target ? target : "");
	return v->kind->open(v, a, options, err);
}

void vault_close(struct vault *v)
{
	if (v->kind && v->own)
		v->kind->close(v);
	free(v->where);
	*v = (struct vault){0};
}

static int newest_first(const void *a, const void *b)
{
	int64_t x = ((const struct manifest *)a)->time, y = ((const struct manifest *)b)->time;
	return (x < y) - (x > y);
}

/* One manifest, which must be about the place it was found in. */
static int read_manifest(struct vault *v, const char *item, const char *name, struct manifest *m, struct err *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_free_ char *what = xasprintf("%s/%s/manifest.json", item, name);
	int64_t time;
	*m = (struct manifest){0};
	if (!backup_time_parse(name, &time))
		return err_set(err, ERR_VERIFY, "%s: not the name of a backup", name);
	if (v->kind->manifest(v, item, name, &text, err) < 0 ||
		manifest_parse(strbuf_cstr(&text), text.len, what, m, err) < 0)
		return -1;
	if (str_eq(m->item, item) && m->time == time)
		return 0;
	manifest_release(m);
	return err_set(err, ERR_VERIFY, "%s: it is about another backup", what);
}

int vault_backups(struct vault *v, const char *item, struct backup_list *ret, struct err *err)
{
	VEC(struct manifest) all = {0};
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	*ret = (struct backup_list){0};
	if (v->kind->list(v, item, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_err_ struct err why = ERR_INIT;
		struct manifest m;
		if (read_manifest(v, item, names.v[i], &m, &why) == 0) {
			vec_push(&all, m);
		} else if (why.kind == ERR_VERIFY) {
			ret->damaged++;
		} else { /* it cannot be read now: that says nothing about it */
			err_move(err, &why);
			*ret = (struct backup_list){.v = all.v, .n = all.n};
			backup_list_release(ret);
			return -1;
		}
	}
	if (all.n)
		qsort(all.v, all.n, sizeof *all.v, newest_first);
	ret->v = all.v;
	ret->n = all.n;
	return 0;
}

void backup_list_release(struct backup_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		manifest_release(&l->v[i]);
	free(l->v);
	*l = (struct backup_list){0};
}
