/*
 * `provision ID`: the steps of one provision, in order, each at most once for the same text. A `wait` is about now, not
 * about once: it holds after every boot before the machine is ready, and is not recorded. Nor is a `fresh` step, such
 * as a login: it is done before every try of those after it that have to run, since what it saves does not last.
 */
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/path.h"
#include "target/agent/patience.h"
#include "target/agent/record.h"
#include "target/agent/step.h"
#include "target/agent/step_hash.h"
#include "target/agent/text.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

enum { ANSWER_SHOWN = 2000 };

/* What status shows of a running provision: RUN/provision/ID.json. */
struct progress {
	const struct agent *a;
	const struct provision *p;
	json_t *root;
};

static void show(struct progress *g, const char *state, const char *step, const char *answer)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_free_ char *path = xasprintf("%s/provision/%s.json", g->a->run, g->p->id);
	json_object_set_new(g->root, "state", json_string(state));
	json_object_set_new(g->root, "step", step ? json_string(step) : json_null());
	/* An answer may be anything; what is no UTF-8 is left out. */
	json_t *text = answer ? json_string(answer) : NULL;
	json_object_set_new(g->root, "answer", text ? text : json_null());
	json_object_set_new(g->root, "changed_ms", json_integer((json_int_t)agent_ms()));
	if (agent_publish(path, g->root, &err) < 0)
		log_warn("%s", err.msg);
}

/* The end of the error and of the answer, secrets masked. */
static char *masked_answer(const char *error, const struct strbuf *answer, const struct strvec *masks)
{
	_cleanup_free_ char *clean_error = text_mask(error, masks), *clean = text_mask(strbuf_cstr(answer), masks);
	size_t n = strlen(clean);
	const char *end = n > ANSWER_SHOWN ? clean + n - ANSWER_SHOWN : clean;
	while ((*end & 0xc0) == 0x80) /* not in the middle of a character */
		end++;
	return *end ? xasprintf("%s\n%s", clean_error, end) : xstrdup(clean_error);
}

static uint64_t number(const json_t *o, const char *key, uint64_t otherwise)
{
	const json_t *j = json_object_get(o, key);
	return json_is_integer(j) && json_integer_value(j) > 0 ? (uint64_t)json_integer_value(j) : otherwise;
}

/* The fresh steps before step i, in order. */
static int do_fresh(struct step_run *r, size_t i, struct err *err)
{
	struct step_run fresh = {.a = r->a, .p = r->p, .masks = r->masks, .timeout_ms = r->timeout_ms};
	int rc = 0;
	for (size_t k = 0; k < i && rc == 0; k++) {
		const json_t *step = json_array_get(r->p->steps, k);
		if (!step_is_fresh(step))
			continue;
		_cleanup_json_ json_t *resolved = text_resolve_json(r->a, step, r->masks, err);
		fresh.step = resolved;
		rc = resolved ? step_try(&fresh, err) : -1;
		if (rc < 0)
			err_wrap(err, "%s", json_string_value(json_object_get(step, "name")));
	}
	strbuf_reset(&r->answer);
	strbuf_adds(&r->answer, strbuf_cstr(&fresh.answer));
	strbuf_release(&fresh.answer);
	return rc;
}

/* One try of step i. `unless` may hold although a login is refused: where it says that who logs in has gone, say. */
static int try_once(struct step_run *r, size_t i, bool *already, struct err *err)
{
	const json_t *raw = json_array_get(r->p->steps, i), *condition = json_object_get(raw, "unless");
	_cleanup_err_ struct err ignored = ERR_INIT, unresolved = ERR_INIT;
	int ready = do_fresh(r, i, err);
	_cleanup_json_ json_t *step = text_resolve_json(r->a, raw, r->masks, &unresolved);
	_cleanup_json_ json_t *alone =
		condition && !step ? text_resolve_json(r->a, condition, r->masks, &ignored) : NULL;
	const json_t *unless = step ? json_object_get(step, "unless") : alone;
	int rc = -1;
	r->step = step ? step : alone;
	if (unless && step_condition(r, unless, &ignored) == 0) {
		err_release(err);
		*already = true;
		rc = 0;
	} else if (ready == 0) {
		rc = step ? step_try(r, err) : err_set(err, unresolved.kind, "%s", unresolved.msg);
	}
	r->step = raw;
	return rc;
}

/* Try until it is done or its time is over. `already` tells that `unless` held. */
static int try_step(struct progress *g, struct step_run *r, size_t i, const char *key, bool *already, struct err *err)
{
	const json_t *retry = json_object_get(r->step, "retry");
	bool waits = json_object_get(r->step, "wait");
	uint64_t every = number(retry, "every", 2000), limit = number(retry, "for", waits ? 300000 : 60000);
	uint64_t begun = patience_ms();
	uint64_t timeout = number(r->step, "timeout", waits ? 10000 : 60000);
	for (;;) {
		r->timeout_ms = patience_stretch(timeout);
		if (try_once(r, i, already, err) == 0)
			return 0;
		_cleanup_free_ char *answer = masked_answer(err->msg, &r->answer, r->masks);
		if (patience_ms() - begun + every > limit || err->kind == ERR_CONFIG) {
			err_set(err, err->kind, "%s", answer);
			return -1;
		}
		show(g, "running", key, answer);
		err_release(err);
		agent_sleep(patience_stretch(every)); /* asking less often leaves the machine to those who are asked */
	}
}

static void note(struct progress *g, const char *key, uint64_t begun, const char *how)
{
	json_array_append_new(json_object_get(g->root, "steps"),
		json_pack("{s:s, s:I, s:I, s:s}", "name", key, "at_ms", (json_int_t)begun, "ms",
			(json_int_t)(agent_ms() - begun), "how", how));
}

static int run_step(struct progress *g, struct record *rec, size_t i, struct strvec *masks, struct err *err)
{
	_cleanup_free_ char *key = record_key(g->p->steps, i);
	char hash[HASH_HEX];
	const json_t *step = json_array_get(g->p->steps, i);
	if (step_is_fresh(step))
		return 0;
	if (step_hash(g->a, g->p, i, masks, hash, err) < 0)
		return err_wrap(err, "%s", key);
	bool once = !json_object_get(step, "wait");
	if (once && record_has(rec, key, hash))
		return note(g, key, agent_ms(), "recorded"), 0;
	show(g, "running", key, NULL);
	struct step_run r = {.a = g->a, .p = g->p, .step = step, .masks = masks};
	uint64_t begun = agent_ms();
	bool already = false;
	int rc = try_step(g, &r, i, key, &already, err);
	if (rc == 0) {
		note(g, key, begun, already ? "already so" : "done");
		rc = once ? record_done(rec, key, hash, err) : 0;
	}
	strbuf_release(&r.answer);
	return rc < 0 ? err_wrap(err, "%s", key) : 0;
}

static int lock_provision(const struct agent *a, const char *id, struct err *err)
{
	_cleanup_free_ char *dir = path_join(a->run, "provision"), *path = xasprintf("%s/%s.lock", dir, id);
	if (path_mkdirs(dir, err) < 0)
		return -1;
	_cleanup_fd_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return err_sys(err, errno, "%s", path);
	return steal_fd(&fd);
}

static int run_all(struct progress *g, struct record *rec, struct err *err)
{
	_cleanup_strvec_ struct strvec masks = STRVEC_INIT;
	text_mask_all(g->a, &masks);
	for (size_t i = 0; i < json_array_size(g->p->steps); i++)
		if (run_step(g, rec, i, &masks, err) < 0)
			return -1;
	return 0;
}

int cmd_provision(struct agent *a, int argc, char **argv, struct err *err)
{
	const struct provision *p = argc > 1 ? machine_provision(&a->m, argv[1]) : NULL;
	if (!p)
		return err_set(err, ERR_USAGE, "provision ID: no provision \"%s\"", argc > 1 ? argv[1] : "");
	struct record rec = {0};
	if (agent_private_dirs(a, err) < 0 || record_open(a, p->id, &rec, err) < 0)
		return -1;
	_cleanup_fd_ int lock = lock_provision(a, p->id, err);
	struct progress g = {.a = a,
		.p = p,
		.root = json_pack("{s:s, s:I, s:[]}", "id", p->id, "started_ms", (json_int_t)agent_ms(), "steps")};
	int rc = lock < 0 ? -1 : run_all(&g, &rec, err);
	if (lock >= 0)
		show(&g, rc == 0 ? "done" : "failed", NULL, rc == 0 ? NULL : err->msg);
	json_decref(g.root);
	record_close(&rec);
	return rc < 0 ? err_wrap(err, "provision %s", p->id) : 0;
}
