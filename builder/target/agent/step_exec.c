/* exec: a program inside a container. */
#include "target/agent/podman.h"
#include "target/agent/step.h"
#include <regex.h>

/* `stdout: REGEX` (POSIX extended, searched for): the output must match as well. */
static int match_output(const json_t *around, const char *output, struct err *err)
{
	const char *pattern = json_string_value(json_object_get(around, "stdout"));
	regex_t re;
	char why[128];
	if (!pattern)
		return 0;
	int r = regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE);
	if (r) {
		regerror(r, &re, why, sizeof why);
		return err_set(err, ERR_CONFIG, "stdout \"%s\": %s", pattern, why);
	}
	r = regexec(&re, output, 0, NULL, 0);
	regfree(&re);
	return r ? err_set(err, ERR_TEST, "the output does not match \"%s\"", pattern) : 0;
}

int step_exec(struct step_run *r, const json_t *x, const json_t *around, struct err *err)
{
	const struct container *c = step_target(r, json_object_get(x, "in"), err);
	if (!c)
		return -1;
	const json_t *command = json_object_get(x, "command"), *env = json_object_get(around, "env");
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	for (size_t i = 0; i < json_array_size(command); i++) {
		const char *word = json_string_value(json_array_get(command, i));
		if (word)
			strvec_add(&argv, word);
	}
	if (!argv.n || argv.n != json_array_size(command))
		return err_set(err, ERR_CONFIG, "exec: command is not a list of strings");
	struct podman_exec run = {.container = c->name,
		.user = json_string_value(json_object_get(x, "user")),
		.argv = (const char *const *)argv.v,
		.env = env ? env : json_object_get(r->step, "env"),
		.stdin_text = json_string_value(json_object_get(around, "stdin")),
		.timeout_ms = r->timeout_ms};
	if (podman_exec(&run, &r->answer, err) < 0)
		return -1;
	return match_output(around, strbuf_cstr(&r->answer), err);
}
