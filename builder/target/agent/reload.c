#include "target/agent/reload.h"
#include "base/log.h"
#include "base/path.h"
#include "target/agent/podman.h"
#include "target/agent/render.h"
#include "target/agent/unit.h"
#include <unistd.h>

bool reload_knows(const struct container *c)
{
	return c->reload_signal || c->reload_exec;
}

int reload_container(const struct container *c, struct err *err)
{
	if (!unit_running(c->unit))
		return 0; /* it will read the new files when it starts */
	if (c->reload_signal)
		return podman_signal(c->name, c->reload_signal, err);
	if (!c->reload_exec)
		return unit_queue("restart", c->unit, err);
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct podman_exec x = {.container = c->name, .argv = c->reload_exec, .timeout_ms = 60000};
	return podman_exec(&x, &out, err);
}

/* A reload that failed leaves a mark, by which the next run does it: the files are the same by then. */
static int render_and_reload(const struct agent *a, const struct container *c, struct err *err)
{
	_cleanup_free_ char *dir = path_join(a->run, "reload"), *mark = path_join(dir, c->name);
	bool owed = path_exists(mark);
	int changed = render_container(a, c, err);
	if (changed < 0 || (!changed && !owed))
		return changed;
	if (changed)
		log_note("%s: %d files changed, reloading", c->name, changed);
	if (!owed && (path_mkdirs(dir, err) < 0 || path_write(mark, "", 0, 0600, err) < 0))
		return -1;
	if (reload_container(c, err) < 0)
		return -1;
	unlink(mark);
	return changed;
}

int reload_changed(const struct agent *a, bool *trust, struct err *err)
{
	size_t failed = 0;
	int r = render_ca(a, err);
	*trust = r > 0;
	if (r < 0)
		return -1;
	for (size_t i = 0; i < a->m.n_containers; i++) {
		const struct container *c = &a->m.containers[i];
		_cleanup_err_ struct err why = ERR_INIT;
		int changed = render_and_reload(a, c, &why);
		if (changed < 0 && why.kind != ERR_RESOLVE) {
			log_warn("%s: %s", c->name, why.msg);
			failed++;
		}
	}
	return failed ? err_set(err, ERR_TOOL, "%zu containers could not be rendered or reloaded", failed) : 0;
}
