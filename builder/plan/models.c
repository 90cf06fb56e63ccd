/* `models:` of the profile, who serves them, and what they take. */
#include "base/json.h"
#include "base/path.h"
#include "config/gguf.h"
#include "config/modelname.h"
#include "plan/planner.h"
#include <strings.h>
#include <sys/stat.h>

enum { MODELS_MAX = 256 };

/* A file of this host, beside the profile or anywhere: it need not be there when its bytes are in the cache. */
static int locate(struct planner *pl, const struct ynode *n, const char *what, const char **ret, struct err *err)
{
	_cleanup_free_ char *dir = path_dir(n->file), *own = realpath(dir, NULL);

	if (!*n->text)
		return bind_expected(n, what, "a path", err);
	*ret = n->text[0] == '/' ? n->text : arena_printf(pl->arena, "%s/%s", own ? own : dir, n->text);
	return 0;
}

/* As Modelfile parameters are: numbers and switches by their look, anything in quotes a text. */
static json_t *parameter(const struct ynode *n)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_free_ char *wrapped = xasprintf("[%s]", n->text);

	if (!n->quoted) {
		_cleanup_json_ json_t *j = json_parse(wrapped, strlen(wrapped), "", &ignored);
		json_t *v = json_array_size(j) == 1 ? json_array_get(j, 0) : NULL;
		if (json_is_number(v) || json_is_boolean(v))
			return json_incref(v);
	}
	return json_string(n->text);
}

static int parameters(struct planner *pl, const struct ynode *map, const char **ret, struct err *err)
{
	_cleanup_json_ json_t *all = json_object();

	if (map->kind != Y_MAP || !map->n)
		return bind_expected(map, "parameters", "a mapping of names to values", err);
	for (size_t i = 0; i < map->n; i++) {
		const struct ynode *key = map->pairs[i].key, *v = map->pairs[i].value;
		json_t *j = v->kind == Y_LIST ? json_array() : NULL;
		bool good = v->kind == Y_SCALAR && !ynode_is_null(v);
		for (size_t k = 0; j && k < v->n; k++) {
			if (v->items[k]->kind != Y_SCALAR)
				break;
			json_array_append_new(j, json_string(v->items[k]->text));
			good = k + 1 == v->n;
		}
		if (!good) {
			json_decref(j);
			return bind_expected(v, key->text, "a text, a number, true, false or a list of texts", err);
		}
		json_object_set_new(all, key->text, j ? j : parameter(v));
	}
	_cleanup_free_ char *text = json_compact(all);
	*ret = arena_strdup(pl->arena, text);
	return 0;
}

static int local_model(struct planner *pl, const struct model_def *d, struct model *m, struct err *err)
{
	struct stat st;

	if (locate(pl, d->file, "file", &m->file, err) < 0 ||
		(d->license && locate(pl, d->license, "license", &m->license, err) < 0) ||
		(d->parameters && parameters(pl, d->parameters, &m->parameters, err) < 0))
		return -1;
	m->source = arena_printf(pl->arena, "file:%s", d->file->text);
	m->template = d->template ? d->template->text : NULL;
	m->system = d->system ? d->system->text : NULL;
	if (m->parameters)
		model_context(m, m->parameters, strlen(m->parameters));
	if (stat(m->file, &st) == 0 && S_ISREG(st.st_mode)) {
		m->size = m->weights = (uint64_t)st.st_size;
		model_head(m, m->file);
	}
	return 0;
}

void model_head(struct model *m, const char *path)
{
	_cleanup_err_ struct err ignored = ERR_INIT; /* whoever locks it is told */
	struct arena mem = {0};
	struct gguf g;

	if (gguf_read(path, &mem, &g, &ignored) == 0) {
		m->head = true;
		m->token = g.token;
	}
	arena_release(&mem);
}

void model_context(struct model *m, const char *parameters, size_t len)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_json_ json_t *j = json_parse(parameters, len, "", &ignored);
	json_int_t n = json_integer_value(json_object_get(j, "num_ctx"));

	m->context = n > 0 ? (uint64_t)n : 0;
}

static int add_model(struct planner *pl, const struct model_def *d, struct err *err)
{
	struct model *m = &pl->a->models.v[pl->a->models.n];
	const struct ynode *texts[] = {d->template, d->system, d->parameters, d->license};
	static const char *const keys[] = {"template", "system", "parameters", "license"};
	struct reference r;

	if (model_name_parse(pl->arena, d->name->text, &r, err) < 0)
		return err_wrap(err, "%s:%u:%u", d->name->file, d->name->line, d->name->column);
	*m = (struct model){.name = model_name_whole(pl->arena, &r),
		.show = model_name_short(pl->arena, &r),
		.manifest = model_name_path(pl->arena, &r),
		.at = arena_printf(pl->arena, "%s:%u:%u", d->self->file, d->self->line, d->self->column)};
	/* Ollama does not tell names apart by capital letters. */
	for (size_t i = 0; i < pl->a->models.n; i++)
		if (!strcasecmp(pl->a->models.v[i].name, m->name)) {
			ynode_err(d->name, err, "models: %s stands there twice", m->show);
			return err_hint(err, "take one out; large and small letters are the same to Ollama");
		}
	pl->a->models.n++;
	if (d->file && r.digest) {
		ynode_err(d->name, err, "models: %s: a file is pinned by the lock, not by a digest", m->show);
		return err_hint(err, "name: %s", m->show);
	}
	if (d->file)
		return local_model(pl, d, m, err);
	m->source = reference_text(pl->arena, &r);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (texts[i]) {
			ynode_err(texts[i], err, "%s: %s brings its own", keys[i], m->show);
			return err_hint(err, "with `file:`, a GGUF of this host, it is yours to say");
		}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct model *)a)->name, ((const struct model *)b)->name);
}

int plan_models(struct planner *pl, struct err *err)
{
	const struct profile *p = pl->profile;
	struct appliance *a = pl->a;

	if (p->models.n > MODELS_MAX) {
		ynode_err(p->models.v[MODELS_MAX].self, err, "models: more than %d", MODELS_MAX);
		return err_hint(err, "take this one and those after it out, or put them into another appliance");
	}
	a->models.v = arena_alloc(pl->arena, (p->models.n + 1) * sizeof *a->models.v);
	for (size_t i = 0; i < p->models.n; i++)
		if (add_model(pl, &p->models.v[i], err) < 0)
			return -1;
	if (a->models.n)
		qsort(a->models.v, a->models.n, sizeof *a->models.v, by_name);
	return 0;
}

static const struct model *find(const struct planner *pl, const char *text)
{
	const struct appliance *a = pl->a;
	_cleanup_err_ struct err ignored = ERR_INIT;
	struct reference r;

	if (!*text && a->models.n == 1)
		return &a->models.v[0];
	if (model_name_parse(pl->arena, text, &r, &ignored) < 0)
		return NULL;
	const char *name = model_name_whole(pl->arena, &r);
	for (size_t i = 0; i < a->models.n; i++)
		if (!strcasecmp(a->models.v[i].name, name))
			return &a->models.v[i];
	return NULL;
}

int model_value(const struct planner *pl, const struct ynode *n, const char *key, const char *text, const char **ret,
	struct err *err)
{
	const struct appliance *a = pl->a;
	const struct model *m = find(pl, text);

	if (m) {
		*ret = m->show;
		return 0;
	}
	if (!a->models.n) {
		ynode_err(n, err, "%s: the profile names no models", key);
		return err_hint(err, "models: [NAME:TAG] in the profile");
	}
	if (*text)
		ynode_err(n, err, "%s: the profile has no model '%s'", key, text);
	else
		ynode_err(n, err, "%s: the profile has several models; say which one", key);
	const char **names = arena_alloc(pl->arena, (a->models.n + 1) * sizeof *names);
	for (size_t i = 0; i < a->models.n; i++)
		names[i] = a->models.v[i].show;
	return bind_hint(err, text, names);
}

int plan_serving(struct planner *pl, struct err *err)
{
	const struct appliance *a = pl->a;

	for (size_t i = 0; i < a->containers.n; i++) {
		const struct container *c = &a->containers.v[i];
		if (!c->models.path)
			continue;
		if (a->models.n)
			return 0;
		ynode_err(pl->profile->self, err, "models: %s serves models, and the profile names none", c->name);
		return err_hint(err, "models: [NAME:TAG], or leave out the service %s", c->service);
	}
	if (!a->models.n)
		return 0;
	err_set(err, ERR_CONFIG, "%s: models: no service of this profile serves them", a->models_at);
	return err_hint(err, "add one that does to `services:`, or take the models out");
}

/* Sums that stop at the largest number, which no machine has. */
static void add(uint64_t *total, uint64_t n)
{
	if (__builtin_add_overflow(*total, n, total) || *total > INT64_MAX)
		*total = INT64_MAX;
}

/* What a model takes in the memory of a container. */
struct load {
	const struct model *m;
	uint64_t context, all; /* bytes */
};

static int larger_first(const void *a, const void *b)
{
	const struct load *x = a, *y = b;

	return x->all == y->all ? by_name(x->m, y->m) : x->all < y->all ? 1 : -1;
}

static void multiply(uint64_t *n, uint64_t by)
{
	if (__builtin_mul_overflow(*n, by, n) || *n > INT64_MAX)
		*n = INT64_MAX;
}

static struct load load_of(const struct container *c, const struct model *m)
{
	struct load l = {.m = m};

	if (!m->weights)
		return l;
	if (c->models.context) {
		l.context = m->token;
		multiply(&l.context, m->context ? m->context : c->models.context);
		multiply(&l.context, c->models.parallel);
	}
	add(&l.all, m->weights);
	add(&l.all, m->weights / 5);
	add(&l.all, l.context);
	add(&l.all, c->models.overhead);
	return l;
}

/* The largest first; the caller frees it. */
static struct load *loads(const struct appliance *a, const struct container *c)
{
	struct load *v = xcalloc(a->models.n + 1, sizeof *v);

	for (size_t i = 0; i < a->models.n; i++)
		v[i] = load_of(c, &a->models.v[i]);
	if (a->models.n)
		qsort(v, a->models.n, sizeof *v, larger_first);
	return v;
}

static size_t at_once(const struct appliance *a, const struct container *c)
{
	return c->models.loaded && c->models.loaded < a->models.n ? (size_t)c->models.loaded : a->models.n;
}

static uint64_t take(const struct appliance *a, const struct container *c, uint64_t *context)
{
	uint64_t total = 0;

	if (!c->models.path)
		return 0;
	_cleanup_free_ struct load *v = loads(a, c);
	for (size_t i = 0; i < at_once(a, c); i++) {
		add(&total, v[i].all);
		add(context, v[i].context);
	}
	return total;
}

uint64_t container_models(const struct appliance *a, const struct container *c)
{
	uint64_t context = 0;

	return take(a, c, &context);
}

/* Memory of the machine too small. The place is that of the list; the sizes of the largest are the hint. */
static int memory_err(const struct appliance *a, const struct models_need *n, struct err *err)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT, sum = STRBUF_INIT;
	const struct container *c = NULL;
	size_t most = 0;

	for (size_t i = 0; i < a->containers.n; i++)
		if (a->containers.v[i].models.path && at_once(a, &a->containers.v[i]) > most) {
			c = &a->containers.v[i];
			most = at_once(a, c);
		}
	_cleanup_free_ struct load *v = c ? loads(a, c) : NULL;
	for (size_t i = 0; v && i < 3 && i < a->models.n && v[i].m->weights; i++) {
		strbuf_addf(&b, "%s%s %s", i ? ", " : "", v[i].m->show, str_bytes(v[i].m->weights));
		if (v[i].context)
			strbuf_addf(&b, " and %s for its context", str_bytes(v[i].context));
	}
	strbuf_adds(&sum, str_bytes(n->memory + a->memory_needed));
	err_set(err, ERR_CONFIG,
		"%s: models: memory: %s are needed, %s of it for %zu model%s at once; the machine has %s", a->models_at,
		strbuf_cstr(&sum), str_bytes(n->memory), most, most == 1 ? "" : "s", str_bytes(a->machine_memory));
	return err_hint(err,
		"weights: %s; name fewer or smaller ones, have fewer loaded at once%s, or give the machine more",
		strbuf_cstr(&b), n->context ? ", a shorter context" : "");
}

int appliance_models(const struct appliance *a, struct models_need *ret, struct err *err)
{
	uint64_t memory = a->memory_needed;

	*ret = (struct models_need){0};
	for (size_t i = 0; i < a->models.n; i++) {
		add(&ret->store, a->models.v[i].size);
		ret->unknown += !a->models.v[i].weights;
	}
	for (size_t i = 0; i < a->containers.n; i++) {
		const struct container *c = &a->containers.v[i];
		add(&ret->memory, take(a, c, &ret->context));
		for (size_t k = 0; c->models.context && k < a->models.n; k++)
			ret->headless += a->models.v[k].weights && !a->models.v[k].head;
	}
	add(&memory, ret->memory);
	if (a->machine_memory && memory > a->machine_memory)
		return memory_err(a, ret, err);
	if (!a->machine_disk || ret->store <= a->machine_disk / 2)
		return 0;
	_cleanup_strbuf_ struct strbuf twice = STRBUF_INIT;
	strbuf_adds(&twice, str_bytes(ret->store * 2));
	err_set(err, ERR_CONFIG,
		"%s: models: disk: %s are needed for models alone, %s in each of two slots; the machine has %s",
		a->models_at, strbuf_cstr(&twice), str_bytes(ret->store), str_bytes(a->machine_disk));
	return err_hint(err, "name fewer or smaller ones, or give the machine a larger disk");
}
