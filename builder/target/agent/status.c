/* `status [--json] [--full] | --follow [--secrets] | --publish DIR`, `ready [--check]`. */
#include "target/agent/status.h"
#include "base/json.h"
#include "base/log.h"
#include "base/path.h"
#include "target/agent/publish.h"
#include "target/agent/show.h"
#include "target/agent/text.h"

static int put(const char *text, struct err *err)
{
	return fputs(text, stdout) < 0 || fflush(stdout) ? err_set(err, ERR_IO, "standard output") : 0;
}

/* What services say is in it. */
static int put_plain(const char *text, const struct strvec *masks, struct err *err)
{
	_cleanup_free_ char *shown = text_shown(text, masks);
	return put(shown, err);
}

/* For the console, which has no login: also without secrets. */
static int put_shown(const struct agent *a, const char *text, struct err *err)
{
	_cleanup_strvec_ struct strvec masks = STRVEC_INIT;
	text_mask_all(a, &masks);
	return put_plain(text, &masks, err);
}

/* What people see besides the core; what has to be counted comes only when it is asked for. */
static void add_all(const struct agent *a, json_t *status)
{
	status_details(a, status);
	status_host(a, status);
	status_models(a, status);
}

/* For the console: a line whenever it differs from the last one, the table whenever all is ready; with `secrets` those
 * that a person is to be told. */
static int follow(const struct agent *a, bool secrets, struct err *err)
{
	_cleanup_free_ char *last = NULL;
	for (bool was_ready = false;; agent_sleep(500)) {
		_cleanup_json_ json_t *status = status_core(a);
		_cleanup_free_ char *line = status_line(status), *text = xasprintf("kiln: %s\n", line);
		bool ready = str_eq(json_string_value(json_object_get(status, "state")), "ready");
		if (!str_eq(line, last) && put_shown(a, text, err) < 0)
			return -1;
		free(last);
		last = steal(line);
		if (ready && !was_ready) {
			_cleanup_strbuf_ struct strbuf table = STRBUF_INIT;
			add_all(a, status);
			status_text(status, &table);
			if (put_shown(a, strbuf_cstr(&table), err) < 0)
				return -1;
			_cleanup_err_ struct err why = ERR_INIT;
			if (secrets && show_once(a, stdout, &why) < 0)
				log_warn("%s", why.msg); /* told at the next start */
		}
		was_ready = ready;
	}
}

int cmd_status(struct agent *a, int argc, char **argv, struct err *err)
{
	bool json = false;
	if (argc > 1 && argc < 4 && str_eq(argv[1], "--follow") && (argc == 2 || str_eq(argv[2], "--secrets")))
		return follow(a, argc == 3, err);
	if (argc == 3 && str_eq(argv[1], "--publish"))
		return publish_for_ever(a, argv[2], err);
	_cleanup_json_ json_t *status = status_core(a);
	add_all(a, status);
	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--json"))
			json = true;
		else if (str_eq(argv[i], "--full"))
			status_inventory(a, status);
		else
			return err_set(err, ERR_USAGE, "status: unknown option %s", argv[i]);
	}
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	const struct strvec no_masks = STRVEC_INIT; /* it is root who asks */
	_cleanup_free_ char *canonical = json ? json_canonical(status) : NULL;
	if (json)
		return put(canonical, err);
	status_text(status, &text);
	return put_plain(strbuf_cstr(&text), &no_masks, err);
}

/* Once per boot: the moment from which on a trouble is a degradation and no longer a start. */
static int note_ready(const struct agent *a, struct err *err)
{
	_cleanup_free_ char *path = path_join(a->run, "ready.json");
	if (path_exists(path))
		return 0;
	_cleanup_json_ json_t *j = json_pack("{s:I}", "ready_ms", (json_int_t)agent_ms());
	return agent_publish(path, j, err);
}

int cmd_ready(struct agent *a, int argc, char **argv, struct err *err)
{
	bool once = argc > 1 && str_eq(argv[1], "--check");
	if (argc > 1 && !once)
		return err_set(err, ERR_USAGE, "ready [--check]: unknown option %s", argv[1]);
	for (;; agent_sleep(500)) {
		_cleanup_json_ json_t *status = status_core(a);
		if (str_eq(json_string_value(json_object_get(status, "state")), "ready"))
			return once ? 0 : note_ready(a, err);
		_cleanup_free_ char *line = status_line(status);
		if (once)
			return err_set(err, ERR_TEST, "%s", line);
	}
}
