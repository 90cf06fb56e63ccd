/*
 * visit: a program of this host (a browser, say) uses what the machine publishes. Its environment tells where that is,
 * whom to trust and what the console shows; pictures that it leaves in the report are named in it.
 */
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "vm/interrupt.h"
#include "vm/player.h"
#include <stdlib.h>
#include <string.h>

/* The certificate of the machine's CA, as its people would carry it to their browsers. */
static int keep_ca(struct play *p, const char *to, uint64_t within_ms, struct err *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	const char *const argv[] = {"cat", "/run/kiln/ca.crt", NULL};
	int status;

	if (p->g.engine->exec(&p->g, argv, within_ms, &out, &status, err) < 0)
		return -1;
	if (status)
		return err_set(err, ERR_TEST, "the machine has no CA: %s", strbuf_cstr(&out));
	return path_write(to, strbuf_cstr(&out), out.len, 0600, err);
}

/* Lines "picture NAME.png" of the program. */
static void add_pictures(struct play *p, const char *text)
{
	_cleanup_strvec_ struct strvec lines = STRVEC_INIT;

	str_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++)
		if (str_starts(lines.v[i], "picture ") && !strchr(lines.v[i], '/'))
			strvec_add(&p->v->screenshots, lines.v[i] + strlen("picture "));
}

int step_visit(struct play *p, const struct scenario_step *s, struct err *err)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT, env = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_free_ char *beside = path_dir(p->s->file), *program = path_join(beside, s->command.v[0]->text);
	_cleanup_free_ char *dir = path_join(p->g.spec.dir, "visit"), *ca = path_join(dir, "ca.pem");
	_cleanup_free_ char *console = path_join(dir, "console.txt");
	_cleanup_strbuf_ struct strbuf ports = STRBUF_INIT;
	const char *address, *path = getenv("PATH");

	play_listen(p);
	for (const struct vm_forward *f = p->g.ports; f->guest; f++)
		strbuf_addf(&ports, "%s%u=%u", ports.len ? " " : "", f->guest, f->host);
	if (!ports.len)
		return err_set(err, ERR_TEST, "it is not known to publish a port");
	if (p->g.engine->beside(&p->g, &argv, &address, err) < 0 || path_mkdirs(dir, err) < 0 ||
		keep_ca(p, ca, s->within_ms, err) < 0 ||
		path_write(console, strbuf_cstr(&p->console), p->console.len, 0600, err) < 0)
		return -1;
	strvec_add(&argv, program);
	for (size_t i = 1; i < s->command.n; i++)
		strvec_add(&argv, s->command.v[i]->text);
	strvec_addf(&env, "PATH=%s", path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
	strvec_addf(&env, "HOME=%s", dir);
	strvec_addf(&env, "KILN_ADDRESS=%s", address);
	strvec_addf(&env, "KILN_PORTS=%s", ports.s);
	strvec_addf(&env, "KILN_CA=%s", ca);
	strvec_addf(&env, "KILN_CONSOLE=%s", console);
	strvec_addf(&env, "KILN_REPORT=%s", p->g.spec.report);
	strvec_addf(&env, "KILN_SCENARIO=%s", p->s->name);
	int status = proc_run((const char *const *)argv.v,
		&(struct proc_opts){.env = (const char *const *)env.v,
			.capture = &out,
			.merge = true,
			.timeout_ms = s->within_ms,
			.stop = interrupt_came,
			.ok_status = 1},
		err);
	add_pictures(p, strbuf_cstr(&out));
	if (status == 0)
		return 0;
	strbuf_addf(&p->why, "%s\n%s", status < 0 ? err->msg : "it found fault", strbuf_cstr(&out));
	err_release(err);
	return 1;
}
