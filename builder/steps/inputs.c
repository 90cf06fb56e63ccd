#include "steps/inputs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "fetch/download.h"
#include "steps/bundle.h"
#include <errno.h>
#include <string.h>

static int bad_lock(const struct appliance *a, struct err *read, struct err *err)
{
	err_move(err, read);
	return err_hint(err, "repair it, or remove it and let \"kiln lock %s\" make a new one",
		a->beside == a->file ? a->file : a->name);
}

static int find_lock(const struct appliance *a, struct cache *c, bool offline, struct lock *ret, struct err *err)
{
	_cleanup_free_ char *path = lock_path(a->beside);
	_cleanup_err_ struct err read = ERR_INIT;

	if (lock_read(path, ret, &read) == 0) {
		if (lock_fits(ret, a))
			return 0;
		log_note("%s does not fit %s any more: resolving anew", path, a->file);
		lock_release(ret);
	} else if (read.sys != ENOENT) {
		return bad_lock(a, &read, err);
	}
	if (lock_resolve(a, c, offline, ret, err) < 0)
		return -1;
	return lock_write(path, ret, err);
}

int inputs_lock(struct appliance *a, struct cache *c, bool offline, struct lock *ret, struct err *err)
{
	return find_lock(a, c, offline, ret, err) < 0 ? -1 : lock_weigh(ret, c, a, err);
}

static void use_one(const struct cache *c, const char *part, const char *hex)
{
	_cleanup_free_ char *entry = path_join(part, hex), *path = cache_path(c, entry);

	cache_used(path);
}

static void use_all(const struct lock *l, const struct cache *c)
{
	const struct blob_ref *b;

	for (size_t i = 0; i < l->packages.n; i++) {
		use_one(c, "sha256", l->packages.v[i].sha256);
		use_one(c, "unpacked", l->packages.v[i].sha256);
	}
	for (size_t i = 0; i < l->images.n; i++)
		for (size_t k = 0; (b = pin_blob(&l->images.v[i].pin, k)); k++)
			use_one(c, "sha256", b->digest);
	for (size_t i = 0; i < l->models.n; i++)
		for (size_t k = 0; (b = model_blob(&l->models.v[i].pin, k)); k++)
			use_one(c, "sha256", b->digest);
}

int inputs_fetch(const struct lock *l, const struct appliance *a, struct cache *c, bool offline, struct err *err)
{
	struct download_opts opts = {.offline = offline};

	if (lock_fetch(l, c, &opts, err) < 0 || lock_fetch_images(l, a, c, &opts, err) < 0 ||
		lock_fetch_models(l, a, c, &opts, err) < 0)
		return -1;
	use_all(l, c);
	return 0;
}

int inputs_ready(struct appliance *a, struct cache *c, bool offline, struct lock *ret, struct err *err)
{
	if (inputs_lock(a, c, offline, ret, err) < 0)
		return -1;
	if (inputs_fetch(ret, a, c, offline, err) < 0)
		return -1;
	return ret->models.n ? lock_weigh(ret, c, a, err) : 0;
}

struct beside {
	const struct appliance *a;
	struct cache *cache;
	bool same;	     /* the lock beside the profile is that of the bundle */
	struct strvec apart; /* images whose commands' layers it has not */
};

/* The lock of a bundle, before anything of it is believed. */
static int judge_lock(struct beside *b, const struct lock *l, struct err *err)
{
	const struct appliance *a = b->a;
	_cleanup_free_ char *path = lock_path(a->beside), *differs = lock_difference(l, a), *wanted = lock_text(l);
	_cleanup_err_ struct err read = ERR_INIT;
	_cleanup_lock_ struct lock here = {0};

	if (differs) {
		err_set(err, ERR_CONFIG, "its lock does not fit %s: %s", a->file, differs);
		return err_hint(err, "bring the profile and the services that it was made of, or make a new bundle");
	}
	if (lock_read(path, &here, &read) < 0)
		return read.sys == ENOENT ? 0 : bad_lock(a, &read, err);
	_cleanup_free_ char *text = lock_text(&here);
	b->same = strcmp(text, wanted) == 0;
	if (b->same || !lock_fits(&here, a))
		return 0;
	err_set(err, ERR_CONFIG, "its lock is another than %s", path);
	return err_hint(err, "remove %s to build what is in the bundle", path);
}

static int judge(void *arg, const struct lock *l, struct carried *layers, struct err *err)
{
	struct beside *b = arg;
	_cleanup_carried_ struct carried mine = {0};

	if (judge_lock(b, l, err) < 0 || carried_find(b->a, l, b->cache, &mine, err) < 0)
		return -1;
	return carried_judge(layers, &mine, cache_dir(b->cache), &b->apart, err);
}

static int read_bundle(struct beside *b, const char *bundle, struct lock *ret, struct err *err)
{
	_cleanup_carried_ struct carried layers = {0};

	if (bundle_read(bundle, b->cache, &(struct bundle_judge){.judge = judge, .arg = b}, ret, &layers, err) < 0)
		return -1;
	for (size_t i = 0; i < b->apart.n; i++)
		log_warn("%s does not bring the derived layer of image %s: this build may differ from those elsewhere",
			bundle, b->apart.v[i]);
	return 0;
}

int inputs_from(struct appliance *a, struct cache *c, const char *bundle, struct lock *ret, struct err *err)
{
	_cleanup_free_ char *path = lock_path(a->beside);
	struct beside b = {.a = a, .cache = c};
	int r = read_bundle(&b, bundle, ret, err);

	strvec_release(&b.apart);
	if (r < 0 || lock_weigh(ret, c, a, err) < 0)
		return -1;
	use_all(ret, c);
	return b.same ? 0 : lock_write(path, ret, err);
}
