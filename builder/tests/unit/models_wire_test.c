/* What the service that serves models is told on the machine: where they are, and how much memory it may have. */
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "lock/lock.h"
#include "wire/wire.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "casefile.h"

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

static int user(void *arg, const struct container *c, const char *owner, const char *group, uint32_t *uid,
	uint32_t *gid, struct err *err)
{
	(void)arg, (void)c;
	return wire_find_user("", "", owner, group, uid, gid, err);
}

static const struct wire_facts facts = {.version = "1", .epoch = 1763900000, .user = user};

static const char *file(const struct wire_files *w, const char *path)
{
	for (size_t i = 0; i < w->list.n; i++)
		if (str_eq(w->list.v[i].path, path))
			return w->list.v[i].data;
	fail_msg("there is no %s", path);
	return NULL;
}

static void has(const char *text, const char *line)
{
	_cleanup_free_ char *whole = xasprintf("\n%s\n", line);
	if (!strstr(text, whole))
		fail_msg("no \"%s\" in:\n%s", line, text);
}

static void test_ollama(void **state)
{
	(void)state;
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_wire_ struct wire_files w = {0};
	struct casefile_dir dir = casefile_enter();
	casefile_unpack("-- p.yaml --\n"
			"profile: p\n"
			"services: [ollama]\n"
			"settings: {ollama: {loaded: 2, context: 8192, overhead: 512M}}\n"
			"models: [small, large, middle]\n",
		NULL);
	struct appliance *a = appliance_load("p.yaml", &err);
	casefile_leave(&dir);
	if (!a)
		fail_msg("%s", err.msg);
	/* By name: large, middle, small. The lock tells of the first. */
	assert_string_equal(a->models.v[0].show, "large:latest");
	static struct blob_ref layer = {.digest = "aa", .size = 5 * GIB, .type = "application/vnd.ollama.image.model"};
	static struct lock_model large = {.name = "registry.ollama.ai/library/large:latest",
		.pin = {.manifest = {.digest = "ab12"}, .config = {.digest = "cd"}, .layers = &layer, .n_layers = 1}};
	assert_int_equal(lock_weigh(&(struct lock){.models = {.v = &large, .n = 1}}, NULL, a, &err), 0);
	a->models.v[1].weights = 2 * GIB + 512 * MIB;
	a->models.v[2].weights = GIB;
	struct models_need need;
	assert_int_equal(appliance_models(a, &need, &err), 0);
	assert_true(need.memory == 9 * GIB + GIB); /* 7.5, a fifth of it, and 2 times 512 MiB */
	assert_true(need.context == 0 && need.headless == 3);
	assert_int_equal(wire_make(a, &facts, &w, &err), 0);
	const char *unit = file(&w, "/usr/share/containers/systemd/ollama.container");
	has(unit, "Volume=/usr/lib/kiln/store/data/models:/models:ro");
	has(unit, "MemoryMax=11005853696"); /* and 256 MiB */
	has(unit, "Environment=OLLAMA_MODELS=/models");
	has(unit, "Environment=OLLAMA_NOPRUNE=1");
	has(unit, "Environment=OLLAMA_CONTEXT_LENGTH=8192");
	has(unit, "Environment=OLLAMA_MAX_LOADED_MODELS=2");
	has(unit, "User=65532:65532");
	has(unit, "ReadOnly=true");
	_cleanup_json_ json_t *j = json_loads(file(&w, "/usr/lib/kiln/machine.json"), 0, NULL);
	json_t *c = json_array_get(json_object_get(j, "containers"), 0);
	assert_true(json_integer_value(json_object_get(c, "memory")) == 11005853696);
	_cleanup_free_ char *asked = json_compact(json_object_get(c, "models"));
	assert_string_equal(asked, "{\"list\":\"/models\",\"name\":\"/name\",\"path\":\"/api/ps\",\"port\":11434}");
	_cleanup_free_ char *models = json_compact(json_object_get(j, "models"));
	assert_string_equal(models, "[{\"bytes\":5368709120,\"digest\":\"ab12\",\"name\":\"large:latest\"},"
				    "{\"bytes\":2684354560,\"name\":\"middle:latest\"},"
				    "{\"bytes\":1073741824,\"name\":\"small:latest\"}]");
	/*
	 * With their heads: 8192 tokens for each of two requests; one has a number of its own, and is now the second
	 * largest.
	 */
	a->containers.v[0].models.parallel = 2;
	for (size_t i = 0; i < 3; i++)
		a->models.v[i].head = true;
	a->models.v[0].token = 64 << 10;
	a->models.v[2].token = 1 << 20;
	a->models.v[2].context = 2048;
	assert_int_equal(appliance_models(a, &need, &err), 0);
	assert_true(need.context == GIB + 4 * GIB && need.headless == 0);
	assert_true(need.memory == 6 * GIB + (GIB + GIB / 5) + 5 * GIB + GIB);
	a->machine_memory = 12 * GIB;
	assert_int_equal(appliance_models(a, &need, &err), -1);
	assert_string_equal(err.msg, "p.yaml:4:9: models: memory: 13.7 GiB are needed, 13.2 GiB of it for 2 models at "
				     "once; the machine has 12.0 GiB");
	assert_string_equal(err.hint, "weights: large:latest 5.0 GiB and 1.0 GiB for its context, small:latest 1.0 GiB "
				      "and 4.0 GiB for its context, middle:latest 2.5 GiB; name fewer or smaller ones, "
				      "have fewer loaded at once, a shorter context, or give the machine more");
	appliance_free(a);
}

/* Its own unit takes the words that kiln-agent gpu writes, whichever kind of GPU the image is for; without one it has
 * none. */
static void test_gpu(void **state)
{
	static const char *const kinds[] = {"amd", "intel", "nvidia", "none"};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_err_ struct err err = ERR_INIT;
		_cleanup_wire_ struct wire_files w = {0};
		struct casefile_dir dir = casefile_enter();
		_cleanup_free_ char *text =
			xasprintf("-- p.yaml --\nprofile: p\nservices: [ollama]\nmodels: [small]\nkernel: full\n"
				  "components: [main, contrib, non-free, non-free-firmware]\ngpu: %s\n",
				kinds[i]);
		casefile_unpack(text, NULL);
		_cleanup_appliance_ struct appliance *a = appliance_load("p.yaml", &err);
		casefile_leave(&dir);
		if (!a || wire_make(a, &facts, &w, &err) < 0)
			fail_msg("%s", err.msg);
		const char *unit = file(&w, "/usr/share/containers/systemd/ollama.container");
		_cleanup_json_ json_t *j = json_loads(file(&w, "/usr/lib/kiln/machine.json"), 0, NULL);
		if (str_eq(kinds[i], "none")) {
			assert_null(strstr(unit, "KILN_GPU"));
			assert_null(json_object_get(j, "gpu"));
			continue;
		}
		has(unit, "PodmanArgs=$KILN_GPU_ollama");
		has(unit, "EnvironmentFile=-/run/kiln/gpu.env");
		_cleanup_free_ char *who = json_compact(json_object_get(json_object_get(j, "gpu"), "containers"));
		assert_string_equal(who, "[{\"devices\":[\"all\"],\"name\":\"ollama\"}]");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ollama),
		cmocka_unit_test(test_gpu),
	};
	char *here = getcwd(NULL, 0);

	setenv("KILN_DATA", here, 1);
	free(here);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
