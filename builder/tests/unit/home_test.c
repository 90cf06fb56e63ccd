/*
 * The root of the domain (kind `home`) at both front doors, with and without a gate and with nobody there, and what the
 * page's container is given: golden/home/NAME.yaml comes to NAME.txt. KILN_UPDATE_GOLDEN=1 makes those anew.
 */
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "wire/wire.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define GOLDEN "builder/tests/golden/home/"

static int user(void *arg, const struct container *c, const char *owner, const char *group, uint32_t *uid,
	uint32_t *gid, struct err *err)
{
	(void)arg, (void)c, (void)owner, (void)group, (void)err;
	*uid = *gid = 0; /* not looked at */
	return 0;
}

/* The names of the front door; all of what is written for the page. */
static void add(struct strbuf *b, const char *path, const char *text)
{
	if (str_ends(path, "/front.container") || str_ends(path, "/traefik.container")) {
		_cleanup_strvec_ struct strvec lines = STRVEC_INIT;
		str_split(&lines, text, "\n");
		for (size_t i = 0; i < lines.n; i++)
			if (str_starts(lines.v[i], "NetworkAlias="))
				strbuf_addf(b, "==== %s\n%s\n", path_base(path), lines.v[i]);
	}

	if (str_ends(path, "/page.container"))
		strbuf_addf(b, "==== %s\n%s", path, text);
}

static void add_machine(struct strbuf *b, const char *text, size_t len)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_json_ json_t *machine = json_parse(text, len, "machine.json", &err);
	json_t *containers = json_object_get(machine, "containers");
	assert_non_null(machine);
	for (size_t i = 0; i < json_array_size(containers); i++) {
		json_t *c = json_array_get(containers, i), *files = json_object_get(c, "files");
		const char *name = json_string_value(json_object_get(c, "name"));
		for (size_t k = 0; k < json_array_size(files); k++) {
			json_t *f = json_array_get(files, k);
			const char *path = json_string_value(json_object_get(f, "path"));
			if (str_ends(path, "front.cfg") || str_ends(path, "routes.yml"))
				strbuf_addf(b, "==== %s:%s, rendered\n%s", name, path,
					json_string_value(json_object_get(f, "text")));
		}
		if (str_eq(name, "page"))
			strbuf_addf(b, "==== image\n%s\n", json_string_value(json_object_get(c, "image")));
	}
	_cleanup_free_ char *links = json_canonical(json_object_get(machine, "links"));
	strbuf_addf(b, "==== links\n%s", links);
}

static void compare(const char *name)
{
	const struct wire_facts facts = {.version = "1", .epoch = 1763900000, .user = user};
	_cleanup_free_ char *profile = xasprintf(GOLDEN "%s.yaml", name), *golden = xasprintf(GOLDEN "%s.txt", name);
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_wire_ struct wire_files w = {0};
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	_cleanup_appliance_ struct appliance *a = appliance_load(profile, &err);
	if (!a || wire_make(a, &facts, &w, &err) < 0)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < w.list.n; i++) {
		const struct wire_file *f = &w.list.v[i];
		if (f->data && str_eq(f->path, "/usr/lib/kiln/machine.json"))
			add_machine(&b, f->data, f->len);
		else if (f->data)
			add(&b, f->path, f->data);
	}
	if (getenv("KILN_UPDATE_GOLDEN"))
		assert_int_equal(path_write(golden, b.s, b.len, 0644, &err), 0);
	_cleanup_free_ char *want = path_read(golden, 1 << 20, NULL, &err);
	assert_non_null(want);
	assert_string_equal(b.s, want);
}

static void front(void **state)
{
	(void)state;
	compare("front");
}

static void traefik(void **state)
{
	(void)state;
	compare("traefik");
}

static void gate(void **state)
{
	(void)state;
	compare("gate");
}

static void nobody(void **state)
{
	(void)state;
	compare("nobody");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(front),
		cmocka_unit_test(traefik),
		cmocka_unit_test(gate),
		cmocka_unit_test(nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
