#include "target/agent/step.h"
#include "target/agent/health.h"
#include "target/agent/probe.h"

typedef int (*step_fn)(struct step_run *r, const json_t *x, const json_t *around, struct err *err);

static int step_wait(struct step_run *r, const json_t *x, const json_t *around, struct err *err)
{
	(void)around;
	return step_condition(r, x, err);
}

static const struct {
	const char *name;
	step_fn run;
	bool condition; /* may stand in `unless` and `wait` */
} kinds[] = {
	{"exec", step_exec, true},
	{"http", step_http, true},
	{"tcp", step_tcp, true},
	{"wait", step_wait, false},
	{"file", step_file, false},
};

static int dispatch(struct step_run *r, const json_t *object, bool condition, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const json_t *x = json_object_get(object, kinds[i].name);
		if (x && (!condition || kinds[i].condition)) {
			strbuf_reset(&r->answer);
			return kinds[i].run(r, x, object, err);
		}
	}
	return err_set(err, ERR_CONFIG, "neither exec nor http, tcp%s", condition ? "" : ", wait or file");
}

int step_try(struct step_run *r, struct err *err)
{
	return dispatch(r, r->step, false, err);
}

int step_condition(struct step_run *r, const json_t *condition, struct err *err)
{
	return dispatch(r, condition, true, err);
}

const struct container *step_target(const struct step_run *r, const json_t *names, struct err *err)
{
	const struct container *found = NULL;
	_cleanup_strvec_ struct strvec tried = STRVEC_INIT;
	struct health_table t;
	health_read(r->a, &t);
	size_t n = json_is_array(names) ? json_array_size(names) : 1;
	for (size_t i = 0; i < n && !found; i++) {
		const char *name = json_string_value(json_is_array(names) ? json_array_get(names, i) : names);
		const struct container *c = name ? machine_container(&r->a->m, name) : NULL;
		if (!c) {
			health_release(&t);
			err_set(err, ERR_CONFIG, "no container \"%s\"", name ? name : "");
			return NULL;
		}
		/* The watch may be down, or a few seconds behind: then ask the container itself. */
		_cleanup_err_ struct err why = ERR_INIT;
		bool known = t.fresh && t.v[c - r->a->m.containers].state == HEALTH_HEALTHY;
		if (known || probe(c, &why) == 0)
			found = c;
		else
			strvec_addf(&tried, "%s (%s)", c->name, why.msg);
	}
	health_release(&t);
	if (!found) {
		_cleanup_free_ char *list = strvec_join(&tried, ", ");
		err_set(err, ERR_TEST, "not healthy: %s", list);
	}
	return found;
}

int step_tcp(struct step_run *r, const json_t *x, const json_t *around, struct err *err)
{
	(void)around;
	json_int_t port = json_integer_value(json_object_get(x, "port"));
	const struct container *c = step_target(r, json_object_get(x, "to"), err);
	if (!c)
		return -1;
	if (port < 1 || port > 65535)
		return err_set(err, ERR_CONFIG, "tcp: port missing or out of range");
	return probe_tcp(c->address, (unsigned)port, r->timeout_ms, err);
}
