/*
 * A whole small set of overlays, resolved: golden/plan/loop.txt holds the files, loop.json what `kiln plan --json`
 * says, loop.resolved what else the rest of kiln reads (texts, secrets, steps). It has the architecture's own loop: the
 * front door asks the gate, the gate the identity provider, whose route is at the front door. With KILN_UPDATE_GOLDEN
 * set both are written anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "casefile.h"
#include "plan/appliance.h"
#include "plan/explain.h"
#include <cmocka.h>

#define GOLDEN "builder/tests/golden/plan/"

static void print_list(struct strbuf *b, const char *what, const struct str_list *l)
{
	if (!l->n)
		return;
	strbuf_addf(b, "  %s:", what);
	for (size_t i = 0; i < l->n; i++) {
		assert_non_null(l->v[i]);
		strbuf_addf(b, " [%s]", l->v[i]);
	}
	assert_null(l->v[l->n]);
	strbuf_addc(b, '\n');
}

static void print_map(struct strbuf *b, const char *what, const struct kv_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		strbuf_addf(b, "  %s: %s=%s%s\n", what, l->v[i].key, l->v[i].value, l->v[i].secret ? " (secret)" : "");
}

static void print_files(struct strbuf *b, const char *what, const struct file_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct file_spec *f = &l->v[i];
		strbuf_addf(b, "  %s: %s owner=%s mode=%o%s%s", what, f->path, f->owner ? f->owner : "-", f->mode,
			f->runtime ? " runtime" : "", f->secret ? " secret" : "");
		if (f->source) {
			strbuf_addf(b, " from %s\n", path_base(f->source));
			continue;
		}
		strbuf_addc(b, '\n');
		_cleanup_strvec_ struct strvec lines = STRVEC_INIT;
		str_split(&lines, f->text, "\n");
		for (size_t k = 0; k < lines.n; k++)
			strbuf_addf(b, "    | %s\n", lines.v[k]);
	}
}

static void print_health(struct strbuf *b, const struct health *h)
{
	static const char *const kinds[] = {"none", "http", "https", "tcp", "exec"};
	strbuf_addf(b, "  health: %s %u %s", kinds[h->kind], h->port, h->path ? h->path : "-");
	for (size_t i = 0; h->expect[i]; i++)
		strbuf_addf(b, " %u", h->expect[i]);
	strbuf_addf(b, " every %ju ms, at most %ju ms, %ju ms to start\n", (uintmax_t)h->interval_ms,
		(uintmax_t)h->timeout_ms, (uintmax_t)h->start_ms);
}

static void print_container(struct strbuf *b, const struct container *c)
{
	strbuf_addf(b, "container %s = %s/%s %u of %u, .%u, %s\n", c->name, c->service, c->base, c->instance,
		c->instances, c->address, c->image);
	strbuf_addf(b, "  user %s, workdir %s, stop %ju ms, memory %ju%s\n", c->user ? c->user : "-",
		c->workdir ? c->workdir : "-", (uintmax_t)c->stop_ms, (uintmax_t)c->memory,
		c->writable_root ? ", writable" : "");
	print_list(b, "aliases", &c->aliases);
	print_list(b, "entrypoint", &c->entrypoint);
	print_list(b, "command", &c->command);
	print_map(b, "env", &c->env);
	print_map(b, "secret", &c->secrets);
	for (size_t i = 0; i < c->volumes.n; i++)
		strbuf_addf(b, "  volume: %s at %s\n", c->volumes.v[i].name, c->volumes.v[i].path);
	for (size_t i = 0; i < c->host.n; i++)
		strbuf_addf(b, "  host: %s at %s\n", c->host.v[i].host, c->host.v[i].path);
	print_list(b, "tmpfs", &c->tmpfs);
	print_list(b, "capabilities", &c->capabilities);
	print_map(b, "sysctl", &c->sysctl);
	print_map(b, "ulimit", &c->ulimits);
	print_list(b, "after", &c->after);
	print_list(b, "after provision", &c->after_provision);
	if (c->reload.signal)
		strbuf_addf(b, "  reload: SIG%s\n", c->reload.signal);
	print_list(b, "reload", &c->reload.exec);
	print_health(b, &c->health);
	print_files(b, "file", &c->files);
}

static void print_tree(struct strbuf *b, const struct tree_spec *t)
{
	strbuf_addf(
		b, "tree %s over %s%s\n", t->id, t->parent ? t->parent : "-", t->configure ? "" : ", not configured");
	print_list(b, "packages", &t->packages);
	print_list(b, "debconf", &t->debconf);
	print_files(b, "seed", &t->seed);
	print_files(b, "file", &t->files);
	for (size_t i = 0; i < t->dirs.n; i++)
		strbuf_addf(b, "  directory: %s owner=%s mode=%o\n", t->dirs.v[i].path,
			t->dirs.v[i].owner ? t->dirs.v[i].owner : "-", t->dirs.v[i].mode);
	print_map(b, "link", &t->links);
	print_list(b, "remove", &t->remove);
	print_list(b, "mask", &t->mask);
	print_list(b, "enable", &t->enable);
}

static char *print_resolved(const struct appliance *a)
{
	struct strbuf b = STRBUF_INIT;
	strbuf_addf(&b, "cmdline %s\n", a->cmdline);
	print_list(&b, "modules", &a->kernel_modules);
	print_list(&b, "ssh keys", &a->ssh_keys);
	for (size_t i = 0; i < a->containers.n; i++)
		print_container(&b, &a->containers.v[i]);
	for (size_t i = 0; i < a->trees.n; i++)
		print_tree(&b, &a->trees.v[i]);
	for (size_t i = 0; i < a->secrets.n; i++) {
		const struct secret_spec *s = &a->secrets.v[i];
		strbuf_addf(&b, "secret %s", s->id);
		strbuf_addf(&b, s->kind == SECRET_CERT ? " certificate\n" : " %u bytes, %s\n", s->bytes, s->encoding);
		print_list(&b, "names", &s->names);
		print_list(&b, "containers", &s->containers);
	}
	for (size_t i = 0; i < a->claims.n; i++)
		for (size_t k = 0; k < a->claims.v[i].outputs.n; k++) {
			const struct kv *o = &a->claims.v[i].outputs.v[k];
			strbuf_addf(&b, "output %s.%s.%s=%s%s\n", a->claims.v[i].service, a->claims.v[i].name, o->key,
				o->value, o->secret ? " (secret)" : "");
		}
	for (size_t i = 0; i < a->saves.n; i++) {
		strbuf_addf(&b, "saved %s\n", a->saves.v[i].id);
		print_list(&b, "containers", &a->saves.v[i].containers);
		print_list(&b, "save", &a->saves.v[i].save);
		print_list(&b, "load", &a->saves.v[i].load);
		print_list(&b, "restart", &a->saves.v[i].restart);
	}
	for (size_t i = 0; i < a->provisions.n; i++) {
		_cleanup_free_ char *steps = json_canonical(a->provisions.v[i].steps);
		strbuf_addf(&b, "provision %s\n%s", a->provisions.v[i].id, steps);
	}
	_cleanup_free_ char *plan = explain_appliance(a, &(struct image_sizes){0}), *flows = explain_flows(a),
			    *dns = explain_dns(a);
	strbuf_addf(&b, "-- plan --\n%s-- flows --\n%s-- dns --\n%s", plan, flows, dns);
	return strbuf_steal(&b);
}

static void compare(const char *name, const char *got)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *path = path_join(GOLDEN, name);
	if (getenv("KILN_UPDATE_GOLDEN")) {
		assert_int_equal(path_write(path, got, strlen(got), 0644, &err), 0);
		return;
	}
	_cleanup_free_ char *want = path_read(path, 1 << 20, NULL, &err);
	assert_non_null(want);
	assert_string_equal(got, want);
}

static struct appliance *load(const char *profile, struct err *err)
{
	_cleanup_free_ char *text = path_read(GOLDEN "loop.txt", 1 << 20, NULL, err);
	assert_non_null(text);
	struct casefile_dir dir = casefile_enter();
	casefile_unpack(text, NULL);
	struct appliance *a = appliance_load(profile, err);
	casefile_leave(&dir);
	return a;
}

static void test_loop(void **state)
{
	(void)state;
	_cleanup_err_ struct err err = ERR_INIT;
	struct appliance *a = load("profiles/loop.yaml", &err);
	if (!a)
		fail_msg("%s (%s)", err.msg, err.hint ? err.hint : "");
	_cleanup_json_ json_t *j = appliance_json(a);
	_cleanup_free_ char *plan = json_canonical(j), *resolved = print_resolved(a);
	appliance_free(a);
	/* No path of this host may be in what is made. */
	assert_null(strstr(plan, "/kiln-case-"));
	assert_null(strstr(resolved, "/kiln-case-"));
	compare("loop.json", plan);
	compare("loop.resolved", resolved);
}

/* The same input gives the same plan, wherever it lies. */
static void test_repeatable(void **state)
{
	(void)state;
	_cleanup_err_ struct err err = ERR_INIT;
	char *text[2];
	for (int i = 0; i < 2; i++) {
		struct appliance *a = load("profiles/loop.yaml", &err);
		assert_non_null(a);
		text[i] = print_resolved(a);
		appliance_free(a);
	}
	assert_string_equal(text[0], text[1]);
	free(text[0]);
	free(text[1]);
}

/* A profile that is extended can be planned by itself. */
static void test_parent(void **state)
{
	(void)state;
	_cleanup_err_ struct err err = ERR_INIT;
	struct appliance *a = load("profiles/common.yaml", &err);
	assert_null(a);
	assert_string_equal(err.msg, "overlays/data/db/service.yaml:52:3: db.watch claims 'scrape', and no service of "
				     "this profile offers it");
	assert_string_equal(err.hint, "add to `services:` of the profile: metrics");
	assert_int_equal(err.kind, ERR_RESOLVE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loop),
		cmocka_unit_test(test_repeatable),
		cmocka_unit_test(test_parent),
	};
	setenv("KILN_DATA", "/nonexistent", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
