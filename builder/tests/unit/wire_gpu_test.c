/*
 * What becomes of `gpu:` and `gpus:` of a profile, with the shipped units: words in the containers' units, and the
 * machine file's "gpu", which must be what agent_gpu_test takes (golden/gpu/NAME.json).
 */
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "wire/wire.h"
#include <setjmp.h>
#include <stddef.h>

#include <cmocka.h>

#define GOLDEN "builder/tests/golden/gpu/"

static int user(void *arg, const struct container *c, const char *owner, const char *group, uint32_t *uid,
	uint32_t *gid, struct err *err)
{
	(void)arg, (void)c;
	return wire_find_user("", "", owner, group, uid, gid, err);
}
static const struct wire_facts facts = {.version = "1", .epoch = 1763900000, .user = user};

static const struct wire_file *file_of(const struct wire_files *w, const char *path)
{
	for (size_t i = 0; i < w->list.n; i++)
		if (str_eq(w->list.v[i].path, path))
			return &w->list.v[i];
	return NULL;
}

static void wire(const char *profile, struct wire_files *w)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_appliance_ struct appliance *a = appliance_load(profile, &err);
	if (!a || wire_make(a, &facts, w, &err) < 0)
		fail_msg("%s", err.msg);
}

static json_t *gpu_of(const struct wire_files *w)
{
	_cleanup_err_ struct err err = ERR_INIT;
	const struct wire_file *f = file_of(w, "/usr/lib/kiln/machine.json");
	assert_non_null(f);
	_cleanup_json_ json_t *machine = json_parse(f->data, f->len, f->path, &err);
	assert_non_null(machine);
	return json_incref(json_object_get(machine, "gpu"));
}

/* The unit of the shipped set, and the one of agent_gpu_test: alike but for who gets what. */
static void as_the_agent_takes_it(const char *name)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_wire_ struct wire_files w = {0};
	_cleanup_free_ char *profile = xasprintf(GOLDEN "%s.yaml", name), *file = xasprintf(GOLDEN "%s.json", name);
	wire(profile, &w);
	_cleanup_json_ json_t *made = gpu_of(&w);
	_cleanup_json_ json_t *taken = json_read(file, 1 << 16, &err);
	assert_non_null(made);
	json_object_del(made, "containers");
	json_object_del(taken, "containers");
	_cleanup_free_ char *want = json_canonical(taken), *got = json_canonical(made);
	assert_string_equal(got, want);
}

static void shipped_units(void **state)
{
	(void)state;
	as_the_agent_takes_it("amd");
	as_the_agent_takes_it("intel");
	as_the_agent_takes_it("nvidia");
}

static bool has_line(const struct wire_files *w, const char *container, const char *line)
{
	_cleanup_free_ char *path = xasprintf("/usr/share/containers/systemd/%s.container", container),
			    *whole = xasprintf("\n%s\n", line);
	const struct wire_file *f = file_of(w, path);
	assert_non_null(f);
	return strstr(f->data, whole);
}

static void who_gets_which(void **state)
{
	_cleanup_wire_ struct wire_files w = {0};
	(void)state;
	wire(GOLDEN "amd.yaml", &w);
	_cleanup_json_ json_t *gpu = gpu_of(&w);
	_cleanup_free_ char *list = json_compact(json_object_get(gpu, "containers"));
	assert_string_equal(list, "[{\"devices\":[\"0\",\"0000:26:00.0\"],\"name\":\"two-1\"},"
				  "{\"devices\":[\"all\"],\"name\":\"two-2\"}]");
	assert_true(has_line(&w, "two-1", "PodmanArgs=$KILN_GPU_two_1"));
	assert_true(has_line(&w, "two-1", "EnvironmentFile=-/run/kiln/gpu.env"));
	assert_true(has_line(&w, "two-2", "PodmanArgs=$KILN_GPU_two_2"));
	assert_false(has_line(&w, "one", "PodmanArgs=$KILN_GPU_one"));
	assert_false(has_line(&w, "one", "EnvironmentFile=-/run/kiln/gpu.env"));
	assert_false(has_line(&w, "rest", "PodmanArgs=$KILN_GPU_rest"));
	assert_non_null(file_of(&w, "/usr/lib/systemd/system/kiln-prepared.target.wants/kiln-gpu.service"));
}

static void without_a_gpu(void **state)
{
	_cleanup_wire_ struct wire_files w = {0};
	(void)state;
	wire(GOLDEN "none.yaml", &w);
	assert_null(gpu_of(&w));
	assert_false(has_line(&w, "one", "PodmanArgs=$KILN_GPU_one"));
	assert_false(has_line(&w, "one", "EnvironmentFile=-/run/kiln/gpu.env"));
	assert_null(file_of(&w, "/usr/lib/systemd/system/kiln-prepared.target.wants/kiln-gpu.service"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shipped_units),
		cmocka_unit_test(who_gets_which),
		cmocka_unit_test(without_a_gpu),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
