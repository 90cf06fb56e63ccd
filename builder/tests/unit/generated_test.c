/*
 * Upstream systems whose programs no test here can have: what the appliance would be told about them, word for word
 * (golden/upstream/generated.txt, observed.txt, devops.txt): their units, files, provision steps and what claimants
 * get. KILN_UPDATE_GOLDEN=1 makes it anew, to be read before it is committed.
 */
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "wire/wire.h"
#include <setjmp.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#define GOLDEN "builder/tests/golden/upstream/"

/*
 * `real`, everywhere: names of what a profile has besides, containers and services; tests with the real program look at
 * those. Ends with NULL.
 */

/* Is this text, a name or begun by one and more (NAME.container, NAME/files, SERVICE.CLAIM, NAME-1), about one of the
 * real? */
static bool about_real(const char *text, const char *const *real)
{
	for (size_t i = 0; real[i]; i++) {
		size_t n = strlen(real[i]);
		if (strncmp(text, real[i], n) == 0 && (!text[n] || strchr("./-", text[n])))
			return true;
	}
	return false;
}

/* Owners in images that others make are numbers; the claimant's has none. */
static int user(void *arg, const struct container *c, const char *owner, const char *group, uint32_t *uid,
	uint32_t *gid, struct err *err)
{
	if (about_real(c->name, arg)) {
		*uid = *gid = 0; /* not compared */
		return 0;
	}
	return wire_find_user("", "", owner, group, uid, gid, err);
}

/* Of three instances the first and the last tell it all. */
static bool wanted(const char *path, const char *const *real)
{
	static const char *const dirs[] = {"/usr/share/containers/systemd/", "/usr/lib/kiln/files/"};
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		if (str_starts(path, dirs[i]))
			return !about_real(path + strlen(dirs[i]), real) && !strstr(path, "-2.container") &&
			       !strstr(path, "-2/");
	return false;
}

/* A container, secret, provision graph or flow of the real ones only. */
static bool item_is_real(const json_t *item, const char *const *real)
{
	static const char *const keys[] = {"name", "id", "from", "to"};
	bool real_only = false;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const char *text = json_string_value(json_object_get(item, keys[i]));
		if (text && !about_real(text, real))
			return false;
		real_only = real_only || text;
	}
	return real_only;
}

static void add_json(
	struct strbuf *b, const char *what, const json_t *machine, const char *key, const char *const *real)
{
	const json_t *list = json_object_get(machine, key), *item;
	size_t i;
	assert_true(json_array_size(list) > 0);
	json_array_foreach(list, i, item)
	{
		const char *name = json_string_value(json_object_get(item, "name"));
		if (name && str_ends(name, "-2"))
			continue;
		if (item_is_real(item, real))
			continue;
		char *text = json_dumps(item, JSON_INDENT(1) | JSON_SORT_KEYS);
		assert_non_null(text);
		strbuf_addf(b, "==== %s\n%s\n", what, text);
		free(text);
	}
}

static void compare(const char *profile, const char *golden, const char *const *real)
{
	const struct wire_facts facts = {.version = "1", .epoch = 1763900000, .user = user, .user_arg = (void *)real};
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_wire_ struct wire_files w = {0};
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct appliance *a = appliance_load(profile, &err);
	if (!a || wire_make(a, &facts, &w, &err) < 0)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < w.list.n; i++) {
		const struct wire_file *f = &w.list.v[i];
		if (f->data && wanted(f->path, real))
			strbuf_addf(&b, "==== %s %04o %u:%u\n%s", f->path, f->mode, f->uid, f->gid, f->data);
		else if (f->source && wanted(f->path, real))
			strbuf_addf(&b, "==== %s %04o %u:%u from %s\n", f->path, f->mode, f->uid, f->gid,
				path_base(f->source));
	}
	for (size_t i = 0; i < w.list.n; i++) {
		const struct wire_file *f = &w.list.v[i];
		if (!str_eq(f->path, "/usr/lib/kiln/machine.json"))
			continue;
		_cleanup_json_ json_t *machine = json_parse(f->data, f->len, f->path, &err);
		assert_non_null(machine);
		add_json(&b, "container", machine, "containers", real);
		add_json(&b, "secret", machine, "secrets", real);
		add_json(&b, "provision", machine, "provision", real);
		add_json(&b, "flow", machine, "flows", real);
	}
	appliance_free(a);
	if (getenv("KILN_UPDATE_GOLDEN"))
		assert_int_equal(path_write(golden, b.s, b.len, 0644, &err), 0);
	_cleanup_free_ char *want = path_read(golden, 1 << 20, NULL, &err);
	assert_non_null(want);
	assert_string_equal(b.s, want);
}

static void data(void **state)
{
	(void)state;
	compare(GOLDEN "generated.yaml", GOLDEN "generated.txt", (const char *const[]){NULL});
}

static void observability(void **state)
{
	(void)state;
	compare(GOLDEN "observed.yaml", GOLDEN "observed.txt",
		(const char *const[]){
			"etcd", "patroni", "haproxy", "postgres", "traefik", "keycloak", "silo", "prometheus", NULL});
}

static void devops(void **state)
{
	(void)state;
	compare(GOLDEN "devops.yaml", GOLDEN "devops.txt",
		(const char *const[]){"etcd", "patroni", "haproxy", "postgres", "valkey", "traefik", "keycloak",
			"oauth2-proxy", "silo", "prometheus", NULL});
}

static void workflows(void **state)
{
	(void)state;
	compare(GOLDEN "workflows.yaml", GOLDEN "workflows.txt",
		(const char *const[]){"etcd", "patroni", "haproxy", "postgres", "valkey", "traefik", "oauth2-proxy",
			"keycloak", "prometheus", NULL});
}

/* Grafana has a board for every layer that `full` has containers in, and for no other. */
static void boards(void **state)
{
	(void)state;
	static const char dir[] = "/etc/grafana/kiln/layer-";
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_strbuf_ struct strbuf want = STRBUF_INIT, got = STRBUF_INIT;
	struct appliance *a = appliance_load("profiles/full.yaml", &err);
	if (!a)
		fail_msg("%s", err.msg);
	const char *last = "";
	for (size_t i = 0; i < a->services.n; i++) { /* by layer */
		const struct service *s = &a->services.v[i];
		if (str_eq(s->layer, last) || str_eq(s->layer, "base")) /* of the OS: nothing of it says how it is */
			continue;
		last = s->layer;
		strbuf_addf(&want, "%s\n", last);
	}
	const struct container *c = appliance_container(a, "grafana");
	assert_non_null(c);
	for (size_t i = 0; i < c->files.n; i++) {
		const struct file_spec *f = &c->files.v[i];
		if (!str_starts(f->path, dir))
			continue;
		const char *layer = f->path + strlen(dir);
		strbuf_addf(&got, "%.*s\n", (int)strcspn(layer, "."), layer);
		/* And it asks for that layer, of what all services have. */
		_cleanup_free_ char *query =
			xasprintf("kiln_service_healthy{layer=\\\"%.*s\\\"}", (int)strcspn(layer, "."), layer);
		assert_non_null(strstr(f->text, query));
	}
	assert_string_equal(got.s, want.s);
	assert_string_equal(got.s, "edge\ndata\nmessaging\nai\nobservability\ndevops\n");
	appliance_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(data), cmocka_unit_test(observability),
		cmocka_unit_test(devops), cmocka_unit_test(workflows), cmocka_unit_test(boards)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
