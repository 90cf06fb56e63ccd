/* `renew`, by a timer: certificates that near their end, then only the containers whose files changed by that. */
#include "base/log.h"
#include "target/agent/ca.h"
#include "target/agent/reload.h"

int cmd_renew(struct agent *a, int argc, char **argv, struct err *err)
{
	(void)argc, (void)argv;
	for (size_t i = 0; i < a->m.n_secrets; i++) {
		const struct secret *s = &a->m.secrets[i];
		int r = s->certificate ? ca_leaf_ensure(a, s, err) : 0;
		if (r < 0)
			return err_wrap(err, "certificate %s", s->id);
		if (r > 0)
			log_note("certificate %s renewed", s->id);
	}
	bool trust;
	return reload_changed(a, &trust, err);
}
