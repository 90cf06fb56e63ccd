/* `gpu [--root DIR] [--json | show]`: load the drivers, look, write what podman and the units of containers read. */
#include "target/agent/gpu.h"
#include "base/json.h"
#include "base/path.h"
#include <errno.h>
#include <fcntl.h>

#define PATIENCE_MS 10000 /* a driver that udev loads at this moment */

/* The devices appear below DIR of the run directory's parent: /run/cdi is where podman looks. */
static char *cdi_path(const struct agent *a)
{
	_cleanup_free_ char *above = path_dir(a->run);
	return path_join(above, "cdi/kiln-gpu.json");
}

static bool all_usable(const struct gpus *g)
{
	for (size_t i = 0; i < g->v.n; i++)
		if (g->v.v[i].why)
			return false;
	return !g->problem;
}

static int open_root(struct gpus *g, const char *root, struct err *err)
{
	*g = (struct gpus){.root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC)};
	return g->root < 0 ? err_sys(err, errno, "%s", root) : 0;
}

/* On a machine without such a GPU nothing is loaded, and nothing waited for. `unloaded` is kept as long as `g`. */
static int find(struct gpus *g, const struct gpu_want *w, const char *root, struct strbuf *unloaded, struct err *err)
{
	bool real = str_eq(root, "/");
	if (real && gpus_present(g, w))
		gpu_load(g, w, unloaded);
	gpus_find(g, w);
	for (uint64_t begun = agent_ms(); real && !all_usable(g) && agent_ms() - begun < PATIENCE_MS;) {
		agent_sleep(500);
		gpus_release(g);
		if (open_root(g, root, err) < 0)
			return -1;
		gpus_find(g, w);
	}
	g->unloaded = strbuf_cstr(unloaded);
	return 0;
}

static int publish(const struct agent *a, const struct gpus *g, const struct gpu_want *w, struct err *err)
{
	_cleanup_free_ char *cdi_file = cdi_path(a), *env_file = path_join(a->run, "gpu.env"),
			    *state_file = path_join(a->run, "gpu.json");
	_cleanup_json_ json_t *cdi = gpu_cdi(g, w);
	_cleanup_json_ json_t *state = gpu_state(g, w, cdi);
	_cleanup_strbuf_ struct strbuf env = STRBUF_INIT;
	if (cdi ? agent_publish(cdi_file, cdi, err) < 0 : path_remove(cdi_file, err) < 0)
		return -1;
	gpu_environment(w, cdi, &env);
	if (path_mkdirs(a->run, err) < 0 || path_write(env_file, strbuf_cstr(&env), env.len, 0644, err) < 0)
		return -1;
	return agent_publish(state_file, state, err);
}

/* What the last run found. */
static int show(const struct agent *a, bool json, struct err *err)
{
	_cleanup_free_ char *path = path_join(a->run, "gpu.json");
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	if (!json_object_get(a->m.root, "gpu")) {
		err_set(err, ERR_CONFIG, "the profile of this appliance says `gpu: none`");
		return err_hint(
			err, "its image has no driver: build one whose profile says `gpu: amd`, `intel` or `nvidia`");
	}
	_cleanup_json_ json_t *state = json_read(path, 1 << 20, err);
	if (!state)
		return -1;
	_cleanup_free_ char *canonical = json_canonical(state);
	gpu_show(state, &text);
	return fputs(json ? canonical : strbuf_cstr(&text), stdout) < 0 || fflush(stdout)
		       ? err_set(err, ERR_IO, "standard output")
		       : 0;
}

int cmd_gpu(struct agent *a, int argc, char **argv, struct err *err)
{
	const char *root = "/";
	struct gpu_want want = {0};
	struct gpus g;
	_cleanup_strbuf_ struct strbuf unloaded = STRBUF_INIT;
	bool wanted = false;
	if (argc == 2 && (str_eq(argv[1], "show") || str_eq(argv[1], "--json")))
		return show(a, argv[1][0] == '-', err);
	if (argc == 3 && str_eq(argv[1], "--root"))
		root = argv[2];
	else if (argc != 1)
		return err_set(err, ERR_USAGE, "gpu [--json | show | --root DIR]: unknown option %s", argv[1]);
	if (open_root(&g, root, err) < 0)
		return -1;
	int r = gpu_want_read(a->m.root, &want, &wanted, err);
	if (r == 0 && wanted)
		r = find(&g, &want, root, &unloaded, err);
	if (r == 0 && wanted)
		r = publish(a, &g, &want, err);
	gpus_release(&g);
	arena_release(&want.arena);
	return r;
}
