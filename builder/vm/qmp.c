#include "vm/qmp.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include <errno.h>
#include <string.h>

enum { ANSWER_MS = 20000, CONNECT_MS = 2000 };

static json_t *next_message(struct qmp *q, int timeout_ms, struct err *err)
{
	const char *line = lines_next(&q->io, timeout_ms, err);

	return line ? json_parse(line, strlen(line), "QMP", err) : NULL;
}

json_t *qmp_command(struct qmp *q, const char *name, json_t *args, struct err *err)
{
	_cleanup_json_ json_t *request = json_pack("{s:s, s:o*}", "execute", name, "arguments", args);
	_cleanup_free_ char *text = json_compact(request), *line = xasprintf("%s\n", text);
	uint64_t end = vm_ms() + ANSWER_MS;

	if (fd_write_all(q->io.fd, line, strlen(line)) < 0) {
		err_sys(err, errno, "QEMU command %s", name);
		return NULL;
	}
	while (vm_ms() < end && !q->io.eof) {
		_cleanup_err_ struct err ignored = ERR_INIT;
		_cleanup_json_ json_t *m = next_message(q, (int)(end - vm_ms()), &ignored);
		if (json_object_get(m, "event"))
			json_array_append(q->events, m);
		if (json_object_get(m, "return"))
			return json_incref(json_object_get(m, "return"));
		const char *desc = json_string_value(json_object_get(json_object_get(m, "error"), "desc"));
		if (desc) {
			err_set(err, ERR_TOOL, "QEMU command %s: %s", name, desc);
			return NULL;
		}
	}
	err_set(err, ERR_TOOL, "QEMU command %s: %s", name, q->io.eof ? "QEMU is gone" : "no answer within 20 s");
	return NULL;
}

int qmp_open(struct qmp *q, const char *socket, struct err *err)
{
	*q = (struct qmp){.io.fd = lines_connect(socket, CONNECT_MS, err)};
	if (q->io.fd < 0)
		return -1;
	q->events = json_array();
	_cleanup_json_ json_t *greeting = next_message(q, ANSWER_MS, err);
	if (!json_object_get(greeting, "QMP")) {
		qmp_close(q);
		return err_set(err, ERR_TOOL, "QEMU did not greet on %s", socket);
	}
	_cleanup_json_ json_t *done = qmp_command(q, "qmp_capabilities", NULL, err);
	if (!done)
		qmp_close(q);
	return done ? 0 : -1;
}

json_t *qmp_event(struct qmp *q, int timeout_ms)
{
	_cleanup_err_ struct err ignored = ERR_INIT; /* a QEMU that is gone is seen by its exit */

	if (json_array_size(q->events) == 0) {
		_cleanup_json_ json_t *m = q->io.fd < 0 ? NULL : next_message(q, timeout_ms, &ignored);
		return json_object_get(m, "event") ? json_incref(m) : NULL;
	}
	json_t *e = json_incref(json_array_get(q->events, 0));
	json_array_remove(q->events, 0);
	return e;
}

void qmp_close(struct qmp *q)
{
	lines_release(&q->io);
	json_decref(q->events);
	q->events = NULL;
}
