/* `renew`, by a timer: certificates that near their end, then only the containers whose files changed by that. */
#include "base/log.h"
#include "target/agent/ca.h"
#include "target/agent/podman.h"
#include "target/agent/render.h"
#include "target/agent/unit.h"

static int reload(const struct container *c, struct err *err)
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

int cmd_renew(struct agent *a, int argc, char **argv, struct err *err)
{
	(void)argc, (void)argv;
	size_t failed = 0;
	for (size_t i = 0; i < a->m.n_secrets; i++) {
		const struct secret *s = &a->m.secrets[i];
		int r = s->certificate ? ca_leaf_ensure(a, s, err) : 0;
		if (r < 0)
			return err_wrap(err, "certificate %s", s->id);
		if (r > 0)
			log_note("certificate %s renewed", s->id);
	}
	/* Not only after a renewal just now: a run that was cut short is completed by the next one. */
	for (size_t i = 0; i < a->m.n_containers; i++) {
		const struct container *c = &a->m.containers[i];
		_cleanup_err_ struct err why = ERR_INIT;
		int changed = render_container(a, c, &why);
		if (changed > 0)
			log_note("%s: %d files changed, reloading", c->name, changed);
		if (changed > 0 && reload(c, &why) < 0)
			changed = -1;
		if (changed < 0 && why.kind != ERR_RESOLVE) {
			log_warn("%s: %s", c->name, why.msg);
			failed++;
		}
	}
	return failed ? err_set(err, ERR_TOOL, "%zu containers could not be rendered or reloaded", failed) : 0;
}
