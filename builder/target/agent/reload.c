#include "target/agent/reload.h"
#include "base/log.h"
#include "target/agent/podman.h"
#include "target/agent/render.h"
#include "target/agent/unit.h"

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

int reload_changed(const struct agent *a, bool *trust, struct err *err)
{
	size_t failed = 0;
	int r = render_ca(a, err);
	*trust = r > 0;
	if (r < 0)
		return -1;
	/* Not only after a change just now: a run that was cut short is completed by the next one. */
	for (size_t i = 0; i < a->m.n_containers; i++) {
		const struct container *c = &a->m.containers[i];
		_cleanup_err_ struct err why = ERR_INIT;
		int changed = render_container(a, c, &why);
		if (changed > 0)
			log_note("%s: %d files changed, reloading", c->name, changed);
		if (changed > 0 && reload_container(c, &why) < 0)
			changed = -1;
		if (changed < 0 && why.kind != ERR_RESOLVE) {
			log_warn("%s: %s", c->name, why.msg);
			failed++;
		}
	}
	return failed ? err_set(err, ERR_TOOL, "%zu containers could not be rendered or reloaded", failed) : 0;
}
