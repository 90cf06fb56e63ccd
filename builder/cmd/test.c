/* kiln test PROFILE|IMAGE: boot what was built, offline, play the scenarios, report. */
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "cmd/subject.h"
#include "config/bind.h"
#include "config/roots.h"
#include "config/scenario.h"
#include "vm/play.h"
#include "vm/verdict.h"
#include <string.h>
#include <time.h>

struct test_opts {
	const char *target;	 /* profile or image */
	struct strvec scenarios; /* names asked for */
	const struct guest_engine *engine;
	const char *junit, *report;
	uint64_t seed; /* of random moments */
};

static const struct guest_engine *engine_named(const char *name, struct err *err)
{
	static const char *const names[] = {"qemu", "nspawn", NULL};

	if (strcmp(name, "qemu") == 0)
		return &guest_qemu;
	if (strcmp(name, "nspawn") == 0)
		return &guest_nspawn;
	err_set(err, ERR_USAGE, "test: unknown engine \"%s\"", name);
	const char *near = str_nearest(name, names);
	if (near)
		err_hint(err, "did you mean \"%s\"?", near);
	return NULL;
}

static int parse_options(int argc, char **argv, struct test_opts *o, struct err *err)
{
	for (int i = 1; i < argc; i++) {
		const char *v, *opt = argv[i];
		if ((v = cmd_value("--scenario", argc, argv, &i))) {
			strvec_add(&o->scenarios, v);
		} else if ((v = cmd_value("--engine", argc, argv, &i))) {
			if (i >= 0 && !(o->engine = engine_named(v, err)))
				return -1;
		} else if ((v = cmd_value("--junit", argc, argv, &i))) {
			o->junit = v;
		} else if ((v = cmd_value("--report", argc, argv, &i))) {
			o->report = v;
		} else if ((v = cmd_value("--seed", argc, argv, &i))) {
			if (i >= 0 && (!str_to_u64(v, &o->seed) || o->seed >> 48))
				return err_set(
					err, ERR_USAGE, "test: --seed: expected a number below 2^48, found \"%s\"", v);
		} else if (opt[0] == '-') {
			return err_set(err, ERR_USAGE, "test: unknown option \"%s\"", opt);
		} else if (o->target) {
			return err_set(
				err, ERR_USAGE, "test: one profile or image at a time, found \"%s\" as well", opt);
		} else {
			o->target = opt;
		}
		if (i < 0)
			return err_set(err, ERR_USAGE, "%s needs a value", opt);
	}
	if (o->target)
		return 0;
	err_set(err, ERR_USAGE, "test: a profile or an image is missing");
	return err_hint(err, "for example: kiln test core");
}

static bool list_has(const struct ylist *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i]->text, name) == 0)
			return true;
	return l->n == 0; /* none named: all */
}

/* Why this scenario is not played here; NULL: it is. */
static char *why_not(const struct scenario *s, const struct subject *subject, const struct guest_engine *e)
{
	if (!list_has(&s->engines, e->name))
		return xasprintf("needs another engine than %s", e->name);
	if (subject->a && !list_has(&s->profiles, subject->a->name))
		return xasprintf("is not for profile %s", subject->a->name);
	return NULL;
}

/* On a machine of its own, of which nothing is left. */
static int play_once(const struct scenario *s, const struct guest_engine *e, struct guest_spec *spec, struct verdict *v,
	struct err *err)
{
	/* Sockets have short names: the scratch directory is not under the user's. */
	_cleanup_free_ char *dir = path_scratch("kiln-vm.", err);

	if (!dir)
		return -1;
	spec->dir = dir;
	int r = play_scenario(s, e, spec, v, err);
	_cleanup_err_ struct err cleanup = ERR_INIT;
	if (path_remove(dir, &cleanup) < 0)
		log_warn("%s", cleanup.msg);
	return r;
}

/* So often at most, when the engine fails its machine. */
enum { TRIES = 3 };

static int play_one(const struct scenario *s, const struct subject *subject, const struct test_opts *o,
	const char *report, struct verdicts *vs, struct err *err)
{
	const struct guest_engine *e = o->engine;
	struct verdict *v = verdicts_add(vs, subject->profile, s->name, s->summary, e->name);
	_cleanup_free_ char *accel = cache_path(subject->cache, "kvm");
	_cleanup_free_ struct guest_disk *disks = xcalloc(s->machine.disks.n + 1, sizeof *disks);

	for (size_t i = 0; i < s->machine.disks.n; i++) {
		disks[i].label = s->machine.disks.v[i].key->text;
		(void)str_to_bytes(s->machine.disks.v[i].value->text, &disks[i].size); /* checked as it was read */
	}
	struct guest_spec spec = {.disks = disks,
		.report = report,
		.arch = subject->arch,
		.memory = s->machine.memory ? s->machine.memory : subject->memory,
		.disk = s->machine.disk ? s->machine.disk : subject->disk,
		.cpus = s->machine.cpus ? (unsigned)s->machine.cpus : subject->cpus,
		.nic = s->machine.nic,
		.ports = subject->ports,
		.clock = s->machine.clock,
		.seed = o->seed,
		.image = subject->image,
		.kernel = subject->built.kernel,
		.accel_cache = accel,
		.root = subject->built.root,
		.store = subject->built.store};
	int r = play_once(s, e, &spec, v, err);
	for (unsigned tries = 1; r == 0 && v->fault && tries < TRIES; tries++) {
		log_warn("%s: %s, no fault of the appliance: it is played again", s->name, v->fault);
		verdict_begin_again(v);
		r = play_once(s, e, &spec, v, err);
	}
	if (!cmd_globals.json) {
		progress_hide();
		verdict_print(stdout, v);
		fflush(stdout);
	}
	return r;
}

static int check_names(const struct strvec *asked, const char *const *names, struct err *err)
{
	for (size_t i = 0; i < asked->n; i++) {
		const char *const *n = names;
		while (*n && strcmp(*n, asked->v[i]) != 0)
			n++;
		if (*n)
			continue;
		err_set(err, ERR_USAGE, "test: unknown scenario \"%s\"", asked->v[i]);
		return bind_hint(err, asked->v[i], names);
	}
	return 0;
}

/* Scenarios of the data roots, the nearest of each name: those to play, and those asked for that are not for here. */
struct chosen {
	struct arena arena;
	struct scenario **v;
	char **no; /* why one is not played; NULL: it is */
	size_t n;
};

static void chosen_release(struct chosen *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->no[i]);
	free(c->no);
	free(c->v);
	arena_release(&c->arena);
}

/* Before anything is built: a name that nobody has, a file with a mistake, nothing to play. */
static int choose(const struct test_opts *o, const struct subject *subject, struct chosen *c, struct err *err)
{
	struct roots roots;

	if (roots_find(&c->arena, subject->a ? subject->a->file : o->target, &roots, err) < 0)
		return -1;
	const char *const *names = roots_names(&roots, &c->arena, "qemu-test");
	if (check_names(&o->scenarios, names, err) < 0)
		return -1;
	size_t all = 0;
	while (names[all])
		all++;
	c->v = xcalloc(all + 1, sizeof *c->v);
	c->no = xcalloc(all + 1, sizeof *c->no);
	for (; *names; names++) {
		struct found f;
		if (o->scenarios.n && !strvec_has(&o->scenarios, *names))
			continue;
		roots_yaml(&roots, &c->arena, "qemu-test", *names, &f);
		struct scenario *s = scenario_load(&c->arena, f.path, f.shown, err);
		if (!s)
			return -1;
		_cleanup_free_ char *no = why_not(s, subject, o->engine);
		if (no && !o->scenarios.n)
			continue;
		c->v[c->n] = s;
		c->no[c->n++] = steal(no);
	}
	if (c->n)
		return 0;
	return err_set(err, ERR_CONFIG, "test: no scenario is for profile %s and engine %s", subject->profile,
		o->engine->name);
}

static int play_all(const struct test_opts *o, const struct subject *subject, struct chosen *c, const char *report,
	struct verdicts *vs, struct err *err)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct scenario *s = c->v[i];
		if (!c->no[i]) {
			if (play_one(s, subject, o, report, vs, err) < 0)
				return -1;
			continue;
		}
		struct verdict *v = verdicts_add(vs, subject->profile, s->name, s->summary, o->engine->name);
		v->outcome = VERDICT_SKIPPED;
		v->detail = xstrdup(c->no[i]);
		if (!cmd_globals.json)
			verdict_print(stdout, v);
	}
	return 0;
}

static int write_report(const struct verdicts *vs, const struct test_opts *o, const char *dir, struct err *err)
{
	_cleanup_free_ char *page = path_join(dir, "index.html"), *list = path_join(dir, "verdict.json");
	_cleanup_free_ char *xml = path_join(dir, "junit.xml"), *html = verdicts_html(vs), *junit = verdicts_junit(vs);
	_cleanup_json_ json_t *j = verdicts_json(vs);

	if (path_write(page, html, strlen(html), 0644, err) < 0 || json_write(list, j, err) < 0 ||
		path_write(xml, junit, strlen(junit), 0644, err) < 0)
		return -1;
	for (size_t i = 0; i < vs->n; i++) {
		_cleanup_free_ char *log = xasprintf("%s/%s-%s.console", dir, vs->v[i].scenario, vs->v[i].engine);
		if (vs->v[i].console.len && path_write(log, vs->v[i].console.s, vs->v[i].console.len, 0644, err) < 0)
			return -1;
	}
	return o->junit ? path_write(o->junit, junit, strlen(junit), 0644, err) : 0;
}

static int conclude(const struct verdicts *vs, const char *report, struct err *err)
{
	size_t counts[3];

	verdicts_count(vs, counts);
	if (cmd_globals.json) {
		_cleanup_json_ json_t *j = verdicts_json(vs);
		_cleanup_free_ char *text = json_canonical(j);
		fputs(text, stdout);
		cmd_globals.answered = true;
	} else {
		if (vs->n)
			verdict_print_services(stdout, &vs->v[vs->n - 1]);
		printf("%zu passed, %zu failed, %zu skipped\n", counts[VERDICT_PASSED], counts[VERDICT_FAILED],
			counts[VERDICT_SKIPPED]);
	}
	if (!counts[VERDICT_FAILED])
		return 0;
	err_set(err, ERR_TEST, "%zu of %zu scenarios failed", counts[VERDICT_FAILED], vs->n);
	return err_hint(err, "%s/index.html shows every step, the console and the screen", report);
}

int cmd_test(int argc, char **argv, struct err *err)
{
	struct test_opts o = {.engine = &guest_qemu, .seed = (uint64_t)time(NULL)};
	struct subject s = {0};
	struct chosen c = {0};
	struct verdicts vs = {0};
	_cleanup_free_ char *report = NULL;

	int r = parse_options(argc, argv, &o, err);
	if (r == 0)
		r = subject_open(&s, o.target, err);
	if (r == 0)
		r = choose(&o, &s, &c, err);
	if (r == 0)
		r = subject_build(&s, o.engine == &guest_nspawn, err);
	if (r == 0) {
		_cleanup_free_ char *stem = xstrdup(path_base(s.profile));
		report = o.report ? xstrdup(o.report)
				  : xasprintf("%s/%s-test", cmd_globals.out ? cmd_globals.out : "out", stem);
		r = path_mkdirs(report, err);
		char *whole = r == 0 ? realpath(report, NULL) : NULL;
		if (whole) {
			free(report);
			report = whole;
		}
	}
	if (r == 0)
		r = play_all(&o, &s, &c, report, &vs, err);
	if (vs.n) {
		/* What was seen before an error is worth keeping; the error is what is told. */
		_cleanup_err_ struct err why = ERR_INIT;
		if (write_report(&vs, &o, report, &why) < 0 && r == 0)
			r = (err_move(err, &why), -1);
	}
	if (r == 0)
		r = conclude(&vs, report, err);
	verdicts_release(&vs);
	chosen_release(&c);
	subject_release(&s);
	strvec_release(&o.scenarios);
	return r;
}
