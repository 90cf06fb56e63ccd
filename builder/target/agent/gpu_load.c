/* The kernel's modules for GPUs, and why it did not take one. */
#include "base/log.h"
#include "base/proc.h"
#include "target/agent/gpu.h"

#define LOAD_MS 120000				/* firmware of a large GPU takes its time */
#define CERTIFICATE "/usr/lib/kiln/modules.der" /* of the key that signed what the image was built with */

/* "modprobe: ERROR: could not insert 'nvidia': No such device": what follows the second colon of the last line. */
static void last_line(const char *said, struct strbuf *out)
{
	_cleanup_strvec_ struct strvec lines = STRVEC_INIT;
	str_split(&lines, said, "\n");
	const char *line = lines.n ? lines.v[lines.n - 1] : "";
	const char *rest = str_starts(line, "modprobe: ") ? strstr(line + strlen("modprobe: "), ": ") : NULL;
	strbuf_add_plain(out, rest ? rest + 2 : line);
}

/* The kernel's words for a signature that it does not know, and for what a lockdown forbids. */
static bool is_signature(const char *text)
{
	static const char *const words[] = {
		"Key was rejected by service", "Required key not available", "Operation not permitted"};
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (str_ends(text, words[i]))
			return true;
	return false;
}

/* udev may be at it as well: modprobe waits for a module that is being loaded. */
void gpu_load(const struct gpus *g, const struct gpu_want *w, struct strbuf *why)
{
	for (const char *const *m = w->load; *m; m++) {
		_cleanup_err_ struct err err = ERR_INIT;
		_cleanup_strbuf_ struct strbuf said = STRBUF_INIT, line = STRBUF_INIT;
		const char *argv[] = {"modprobe", *m, NULL};
		if (proc_run(argv, &(struct proc_opts){.timeout_ms = LOAD_MS, .capture_err = &said}, &err) == 0)
			continue;
		last_line(said.len ? said.s : err.msg, &line);
		log_warn("modprobe %s: %s", *m, strbuf_cstr(&line));
		if (why->len)
			continue; /* the others need the first */
		strbuf_adds(why, strbuf_cstr(&line));
		if (is_signature(strbuf_cstr(&line)) && gpu_has(g->root, CERTIFICATE))
			strbuf_adds(why, "; enroll " CERTIFICATE " in the firmware's db");
	}
}
