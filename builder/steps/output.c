#include "steps/output.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/str.h"
#include "disk/assemble.h"
#include "format/format.h"
#include "sbom/sbom.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OUTPUT_VERSION = 2 };

/*
 * Beside the images lies .NAME.kiln.json: per file the key it was made from and what the file looked like afterwards.
 * Booting an image changes its time, so a touched image is made again, never trusted.
 */
struct record {
	char *path;
	json_t *files;
};

static json_t *look_of(const char *path, const char *key)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return NULL;
	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "key", key, "size", (json_int_t)st.st_size, "inode",
		(json_int_t)st.st_ino, "seconds", (json_int_t)st.st_mtim.tv_sec, "nanoseconds",
		(json_int_t)st.st_mtim.tv_nsec);
}

static void record_read(struct record *r, const char *out, const char *name)
{
	_cleanup_err_ struct err ignored = ERR_INIT; /* no record, or one we cannot read: the images are made again */

	r->path = xasprintf("%s/.%s.kiln.json", out, name);
	r->files = json_read(r->path, 1 << 20, &ignored);
	if (!json_is_object(r->files)) {
		json_decref(r->files);
		r->files = json_object();
	}
}

static bool is_current(const struct record *r, const char *path, const char *key)
{
	_cleanup_json_ json_t *now = look_of(path, key);

	return now && json_equal(now, json_object_get(r->files, path_base(path)));
}

static int record_add(struct record *r, const char *path, const char *key, struct err *err)
{
	json_t *now = look_of(path, key);

	if (!now)
		return err_sys(err, errno, "look at %s", path);
	json_object_set_new(r->files, path_base(path), now);
	return json_write(r->path, r->files, err);
}

static int make_raw(const struct output_spec *s, const char *key, const char *out, struct err *err)
{
	const struct image_steps *i = s->image;
	_cleanup_free_ char *esp = step_path(i->esp, "esp"), *root = step_path(i->root, "root.squashfs");
	_cleanup_free_ char *rv = step_path(i->root, "verity"), *store = step_path(i->store, "store.squashfs");
	_cleanup_free_ char *sv = step_path(i->store, "verity"), *label = xasprintf("kiln_%s", s->version);
	_cleanup_free_ char *rh = image_read_hash(i->root, err), *sh = rh ? image_read_hash(i->store, err) : NULL;

	if (!sh)
		return -1;
	struct layout_want want = {.arch = s->a->arch,
		.label = label,
		.key = key,
		.root_hash = rh,
		.store_hash = sh,
		.slot_root = s->a->slot_root,
		.slot_store = s->a->slot_store};
	struct disk_parts parts = {.esp = esp, .root = root, .root_verity = rv, .store = store, .store_verity = sv};
	return disk_assemble(&want, &parts, out, NULL, err);
}

/* One image, unless it is there already. */
static int make_one(const struct output_spec *s, struct record *r, const struct format *f, const char *raw,
	const char *key, json_t *list, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/%s%s", s->out, s->a->name, f ? f->suffix : ".raw");
	bool current = is_current(r, path, key);
	struct progress_step *p = progress_begin(f ? f->name : "raw", path, 0, PROGRESS_COUNT);

	int rc = current ? 0
		 : f	 ? f->make(&s->image->tools, raw, s->a->machine_disk, path, err)
			 : make_raw(s, key, path, err);
	progress_end(p, rc < 0 ? 0 : current ? 2 : 1);
	if (s->explain)
		fprintf(stderr, "  %-28s %.12s  %s\n", path_base(path), key,
			current ? "is there and untouched" : "was made: not there, touched, or of other inputs");
	if (rc == 0 && !current)
		rc = record_add(r, path, key, err);
	struct stat st;
	if (rc < 0 || stat(path, &st) < 0)
		return rc < 0 ? -1 : err_sys(err, errno, "look at %s", path);
	json_array_append_new(
		list, json_pack("{s:s, s:s, s:I, s:I, s:b}", "format", f ? f->name : "raw", "path", path, "bytes",
			      (json_int_t)st.st_size, "on_disk", (json_int_t)st.st_blocks * 512, "cached", current));
	return 0;
}

/* Whole or not at all, as the images: what a killed build leaves has one name, which the next one takes. */
static int write_text(const char *path, const char *text, struct err *err)
{
	_cleanup_free_ char *tmp = xasprintf("%s.new", path), *dir = path_dir(path);
	_cleanup_fd_ int fd = open(tmp, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);

	if (fd < 0 || fd_write_all(fd, text, strlen(text)) < 0 || fsync(fd) < 0 || rename(tmp, path) < 0) {
		int e = errno;
		unlink(tmp);
		return err_sys(err, e, "write %s", path);
	}
	return path_sync_dir(dir, err);
}

/* What the images are made of. `images`: the key of what is in them. */
static int make_sbom(const struct output_spec *s, struct record *r, const char *images, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/%s.spdx.json", s->out, s->a->name), *lock = lock_text(s->l);
	struct hash *h = hash_new();
	char key[HASH_HEX];

	hash_field(h, "sbom " KILN_VERSION);
	hash_field_u64(h, SBOM_VERSION);
	hash_field(h, images);
	hash_field(h, lock);
	hash_field(h, s->version);
	hash_field(h, s->a->summary);
	hash_end(h, key);
	if (is_current(r, path, key))
		return 0;
	_cleanup_free_ char *rh = image_read_hash(s->image->root, err),
			    *sh = rh ? image_read_hash(s->image->store, err) : NULL;
	if (!sh)
		return -1;
	struct progress_step *p = progress_begin("sbom", path, 0, PROGRESS_COUNT);
	_cleanup_json_ json_t *doc = sbom_make(&(struct sbom_input){.l = s->l,
		.name = s->a->name,
		.a = s->a,
		.cache = s->cache,
		.version = s->version,
		.root_hash = rh,
		.store_hash = sh});
	_cleanup_free_ char *text = json_canonical(doc);
	int rc = write_text(path, text, err);
	progress_end(p, rc == 0);
	return rc < 0 ? -1 : record_add(r, path, key, err);
}

static int make_all(const struct output_spec *s, struct record *r, json_t *list, struct err *err)
{
	_cleanup_free_ char *raw = xasprintf("%s/%s.raw", s->out, s->a->name);
	char key[HASH_HEX];
	struct hash *h = hash_new();

	hash_field(h, "output");
	hash_field_u64(h, OUTPUT_VERSION);
	hash_field(h, s->image->esp->key);
	hash_field(h, s->image->root->key);
	hash_field(h, s->image->store->key);
	hash_field_u64(h, s->a->slot_root);
	hash_field_u64(h, s->a->slot_store);
	hash_field_u64(h, s->a->machine_disk);
	hash_end(h, key);
	if (make_one(s, r, NULL, NULL, key, list, err) < 0)
		return err_wrap(err, "disk image %s", raw);
	for (size_t i = 0; i < s->a->outputs.n; i++) {
		if (strcmp(s->a->outputs.v[i], "raw") == 0)
			continue;
		const struct format *f = format_find(s->a->outputs.v[i], err);
		if (!f || make_one(s, r, f, raw, key, list, err) < 0)
			return -1;
	}
	return make_sbom(s, r, key, err);
}

json_t *output_make(const struct output_spec *s, struct err *err)
{
	struct record r = {0};

	if (path_mkdirs(s->out, err) < 0)
		return NULL;
	record_read(&r, s->out, s->a->name);
	json_t *list = json_array();
	int rc = make_all(s, &r, list, err);
	free(r.path);
	json_decref(r.files);
	if (rc == 0)
		return list;
	json_decref(list);
	return NULL;
}
