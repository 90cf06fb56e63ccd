#include "steps/carried.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "oci/layer.h"
#include "steps/upstream.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { KEY_DIGITS = 32, STEP_MAX = 200 };
#define STEP_PREFIX "derived-"

static const char hex_digits[] = "0123456789abcdef";

void carried_release(struct carried *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].step);
		free(m->v[i].image);
	}
	free(m->v);
	*m = (struct carried){0};
}

static int by_step(const void *a, const void *b)
{
	return strcmp(((const struct carried_layer *)a)->step, ((const struct carried_layer *)b)->step);
}

/* The digest and size of a layer whose step left it in `dir`. */
static int read_info(const char *dir, struct carried_layer *ret, struct err *err)
{
	struct layer_info info;

	if (layer_info_read(dir, &info, err) < 0)
		return err_hint(err, "\"kiln cache verify\" drops what is damaged; the next build makes it again");
	memcpy(ret->hex, info.diff_id, HASH_HEX);
	ret->size = info.size;
	ret->there = true;
	layer_info_release(&info);
	return 0;
}

static int find(struct graph *g, const struct upstreams *u, struct carried *ret, struct err *err)
{
	graph_place(g);
	ret->v = xcalloc(u->n_derived + 1, sizeof *ret->v);
	for (size_t i = 0; i < u->n_derived; i++) {
		const struct derived_step *d = &u->derived[i];
		if (!d->spec->command.n)
			continue; /* files alone are the same everywhere */
		struct carried_layer *l = &ret->v[ret->n++];
		l->step = xstrdup(path_base(d->layer->dir));
		l->image = xstrdup(d->name);
		if (d->layer->cached && read_info(d->layer->dir, l, err) < 0)
			return -1;
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof *ret->v, by_step);
	return 0;
}

int carried_find(const struct appliance *a, const struct lock *l, struct cache *c, struct carried *ret, struct err *err)
{
	struct graph g = {.cache = cache_dir(c)};
	struct upstreams u = {0};

	*ret = (struct carried){0};
	int r = upstreams_add(&g, &u, a, l, c, err);
	if (r == 0)
		r = find(&g, &u, ret, err);
	graph_release(&g);
	upstreams_release(&u);
	if (r < 0)
		carried_release(ret);
	return r;
}

char *carried_text(const struct carried *m)
{
	_cleanup_json_ json_t *all = json_object();

	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].there)
			json_object_set_new(all, m->v[i].step,
				json_pack("{s:s, s:I}", "sha256", m->v[i].hex, "size", (json_int_t)m->v[i].size));
	return json_object_size(all) ? json_canonical(all) : NULL;
}

/* As graph_place names the directory of such a step: it becomes the name of one. */
static bool is_step(const char *s)
{
	size_t n = strlen(s);

	return n <= STEP_MAX && n > strlen(STEP_PREFIX) + KEY_DIGITS && str_starts(s, STEP_PREFIX) &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n && s[n - KEY_DIGITS - 1] == '-' &&
	       strspn(s + n - KEY_DIGITS, hex_digits) == KEY_DIGITS;
}

static int parse_layer(const char *step, const json_t *j, struct carried_layer *ret, struct err *err)
{
	if (!is_step(step)) {
		_cleanup_strbuf_ struct strbuf name = STRBUF_INIT;
		strbuf_add_plain(&name, step);
		return err_set(err, ERR_VERIFY, "\"%s\" is no derived layer's name", strbuf_cstr(&name));
	}
	if (!json_is_object(j))
		return err_set(err, ERR_VERIFY, "%s: expected an object", step);
	const char *hex = json_need_str(j, "sha256", err);
	if (!hex || json_need_u64(j, "size", &ret->size, err) < 0)
		return err_wrap(err, "%s", step);
	if (strlen(hex) != HASH_HEX - 1 || strspn(hex, hex_digits) != HASH_HEX - 1)
		return err_set(err, ERR_VERIFY, "%s: sha256: expected 64 hexadecimal digits", step);
	memcpy(ret->hex, hex, HASH_HEX);
	ret->step = xstrdup(step);
	ret->there = true;
	return 0;
}

int carried_parse(const char *text, size_t len, struct carried *ret, struct err *err)
{
	_cleanup_json_ json_t *all = json_parse_shallow(text, len, "derived", 4, err);
	_cleanup_carried_ struct carried m = {0};
	const char *step;
	json_t *j;

	if (!all)
		return -1;
	if (!json_is_object(all))
		return err_set(err, ERR_VERIFY, "derived: expected an object");
	m.v = xcalloc(json_object_size(all) + 1, sizeof *m.v);
	json_object_foreach(all, step, j)
	{
		if (parse_layer(step, j, &m.v[m.n++], err) < 0)
			return err_wrap(err, "derived");
	}
	qsort(m.v, m.n, sizeof *m.v, by_step);
	_cleanup_free_ char *canonical = carried_text(&m);
	if (!canonical || strlen(canonical) != len || memcmp(canonical, text, len) != 0)
		return err_set(err, ERR_VERIFY, "its list of derived layers is not as kiln writes it");
	*ret = m;
	m = (struct carried){0};
	return 0;
}

static struct carried_layer *find_step(const struct carried *m, const char *step)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->v[i].step, step) == 0)
			return &m->v[i];
	return NULL;
}

int carried_judge(const struct carried *brought, const struct carried *mine, const char *cache_dir,
	struct strvec *ret_apart, struct err *err)
{
	for (size_t i = 0; i < mine->n; i++) {
		const struct carried_layer *have = &mine->v[i];
		struct carried_layer *l = find_step(brought, have->step);
		if (!l) {
			strvec_add(ret_apart, have->image);
		} else if (!have->there) {
			l->wanted = true;
		} else if (strcmp(have->hex, l->hex) != 0) {
			err_set(err, ERR_CONFIG, "its layer of image %s is another than %s/steps/%s", have->image,
				cache_dir, l->step);
			return err_hint(err, "build with another cache (--cache DIR) to have the image of the bundle");
		}
	}
	return 0;
}

/* What a derived layer's step leaves (steps/derived.c), besides the record of it. */
static const char *const outputs[] = {"layer.tar", "layer.json", "tar-split.gz"};

static int make_index(const struct carried_layer *l, const char *stage, struct err *err)
{
	_cleanup_free_ char *dir = path_join(stage, l->step), *tar = path_join(dir, outputs[0]);
	struct upstream_layer layer = {
		.path = tar, .digest = l->hex, .size = l->size, .diff_size = l->size, .diff_id = l->hex, .index = dir};

	return upstream_index(&layer, err) < 0 ? err_wrap(err, "%s", l->step) : 0;
}

struct placing {
	const struct carried_layer *layer;
	const char *stage;
};

static int place(const struct step *s, const char *dir, struct err *err)
{
	const struct placing *p = s->arg;
	_cleanup_free_ char *staged = path_join(p->stage, p->layer->step);

	for (size_t i = 0; i < ARRAY_SIZE(outputs); i++) {
		_cleanup_free_ char *from = path_join(staged, outputs[i]), *to = path_join(dir, outputs[i]);
		if (rename(from, to) < 0)
			return err_sys(err, errno, "move %s", from);
	}
	return 0;
}

/* Another kiln may have made one meanwhile. */
static int is_placed(const struct step *s, const struct carried_layer *l, struct err *err)
{
	struct carried_layer found = {0};

	if (read_info(s->dir, &found, err) < 0)
		return -1;
	if (strcmp(found.hex, l->hex) == 0)
		return 0;
	return err_set(err, ERR_CONFIG, "%s: another kiln has just made another layer", l->step);
}

static int place_all(const struct carried *m, const char *stage, struct cache *c, struct err *err)
{
	struct graph g = {.cache = cache_dir(c)};
	struct placing *p = xcalloc(m->n + 1, sizeof *p);
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++) {
		if (!m->v[i].wanted)
			continue;
		size_t name = strlen(m->v[i].step) - KEY_DIGITS - 1;
		_cleanup_free_ char *step = xstrndup(m->v[i].step, name);
		struct step *s = graph_add(&g, step, "from the bundle");
		memcpy(s->key, m->v[i].step + name + 1, KEY_DIGITS + 1);
		p[n] = (struct placing){&m->v[i], stage};
		s->make = place;
		s->arg = &p[n++];
	}
	vec_push(&g.steps, (struct step *)NULL); /* they are the goals as well */
	g.steps.n--;
	int r = graph_run(&g, g.steps.v, err);
	for (size_t i = 0; i < n && r == 0; i++)
		r = is_placed(g.steps.v[i], p[i].layer, err);
	graph_release(&g);
	free(p);
	return r;
}

int carried_take(const struct carried *m, const char *stage, struct cache *c, struct err *err)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].wanted && make_index(&m->v[i], stage, err) < 0)
			return -1;
	return place_all(m, stage, c, err);
}
