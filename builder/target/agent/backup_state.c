/* STATE/backup.json: what became of the last backups. It stays over restarts, and its failures are shown until one
 * succeeds. */
#include "base/json.h"
#include "base/path.h"
#include "base/proc.h"
#include "target/agent/backup.h"
#include "target/agent/text.h"

#define STATE_MAX (1u << 20)

static json_t *load(const struct agent *a)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_free_ char *path = path_join(a->state, "backup.json");
	json_t *j = path_exists(path) ? json_read(path, STATE_MAX, &ignored) : NULL;
	if (json_is_object(j))
		return j;
	json_decref(j);
	return json_object(); /* none yet, or a broken one: the next backup writes it anew */
}

int backup_note(const struct agent *a, const char *item, const struct manifest *done, const char *where,
	const char *error, struct err *err)
{
	_cleanup_json_ json_t *all = load(a);
	_cleanup_free_ char *path = path_join(a->state, "backup.json");
	json_t *j = json_object_get(all, item);
	if (!json_is_object(j)) {
		j = json_object();
		json_object_set_new(all, item, j);
	}
	if (done) {
		json_object_set_new(j, "last", json_integer((json_int_t)done->time));
		json_object_set_new(j, "size", json_integer((json_int_t)done->size));
		json_object_set_new(j, "where", json_string(where));
		json_object_del(j, "error");
		json_object_del(j, "error_at");
	}
	if (error) {
		json_t *text = json_string(error);
		json_object_set_new(j, "error", text ? text : json_string("(not UTF-8)"));
		json_object_set_new(j, "error_at", json_integer((json_int_t)agent_time(a)));
	}
	_cleanup_free_ char *text = json_canonical(all);
	return agent_write(path, text, strlen(text), 0600, err);
}

static void set_time(json_t *out, const char *key, const json_t *of)
{
	json_int_t t = json_integer_value(of);
	json_object_set_new(out, key, t > 0 ? json_string(backup_time_text(t)) : json_null());
}

static json_t *item_status(const struct agent *a, const struct backup_item *b, const json_t *known, json_t *problems)
{
	json_t *j = json_pack("{s:s, s:s}", "id", b->id, "service", b->service);
	const json_t *last = json_object_get(known, "last"), *size = json_object_get(known, "size"),
		     *error = json_object_get(known, "error");
	set_time(j, "last", last);
	json_int_t age = (json_int_t)agent_time(a) - json_integer_value(last);
	json_object_set_new(j, "age_s", json_is_integer(last) ? json_integer(age > 0 ? age : 0) : json_null());
	json_object_set_new(j, "size", json_is_integer(size) ? json_copy((json_t *)size) : json_null());
	json_object_set_new(j, "error", json_is_string(error) ? json_copy((json_t *)error) : json_null());
	set_time(j, "error_at", json_object_get(known, "error_at"));
	if (json_is_string(error))
		json_array_append_new(
			problems, json_pack("{s:o, s:O}", "what", json_sprintf("backup %s", b->id), "why", error));
	return j;
}

json_t *backup_status(const struct agent *a, json_t *problems)
{
	if (!a->m.backup)
		return NULL;
	_cleanup_json_ json_t *all = load(a);
	json_t *items = json_array();
	for (size_t i = 0; i < a->m.n_saved; i++)
		json_array_append_new(
			items, item_status(a, &a->m.saved[i], json_object_get(all, a->m.saved[i].id), problems));
	return json_pack("{s:o}", "items", items);
}

/* systemd's "Thu 2099-01-01 03:00:00 UTC", without the day of the week; nothing when there is no next time. */
static const char *next_time(char *answer)
{
	static const char property[] = "NextElapseUSecRealtime=";
	if (!str_starts(answer, property))
		return NULL;
	answer[strcspn(answer, "\n")] = 0;
	const char *time = strchr(answer, ' ');
	return time ? time + 1 : NULL;
}

void backup_next(const struct agent *a, json_t *backup)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	const char *timer = json_string_value(json_object_get(a->m.backup, "timer"));
	const char *const argv[] = {"systemctl", "show", "--property=NextElapseUSecRealtime", timer, NULL};
	json_object_set_new(backup, "next", json_null());
	if (!timer || proc_run(argv, &(struct proc_opts){.capture = &out, .timeout_ms = 30000}, &ignored) < 0)
		return;
	const char *next = out.len ? next_time(out.s) : NULL;
	if (next)
		json_object_set_new(backup, "next", json_string(next));
}
