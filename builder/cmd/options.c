/* Options: those of every command, and the value of one. */
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include <string.h>

struct cmd_globals cmd_globals;

const char *cmd_value(const char *name, int argc, char **argv, int *i)
{
	size_t n = strlen(name);

	if (strncmp(argv[*i], name, n) != 0)
		return NULL;
	if (argv[*i][n] == '=')
		return argv[*i] + n + 1;
	if (argv[*i][n])
		return NULL;
	if (*i + 1 >= argc) {
		*i = -1;
		return "";
	}
	return argv[++*i];
}

int cmd_options(int argc, char **argv, struct err *err)
{
	struct {
		const char *name;
		bool *flag;
	} flags[] = {{"--json", &cmd_globals.json}, {"--timings", &cmd_globals.timings},
		{"--explain", &cmd_globals.explain}, {"--offline", &cmd_globals.offline}};
	int n = 0;

	for (int i = 0; i < argc; i++) {
		const char *v, *opt = argv[i];
		bool taken = false;
		if (strcmp(opt, "--") == 0) {
			while (i < argc)
				argv[n++] = argv[i++];
			break;
		}
		for (size_t k = 0; k < ARRAY_SIZE(flags); k++)
			if (strcmp(opt, flags[k].name) == 0)
				*flags[k].flag = taken = true;
		if (taken)
			continue;
		if (strcmp(opt, "-q") == 0) {
			log_set(LOG_QUIET);
		} else if (strcmp(opt, "-v") == 0) {
			log_set(LOG_VERBOSE);
		} else if ((v = cmd_value("--cache", argc, argv, &i))) {
			cmd_globals.cache = v;
		} else if ((v = cmd_value("--out", argc, argv, &i))) {
			cmd_globals.out = v;
		} else if ((v = cmd_value("-j", argc, argv, &i))) {
			uint64_t jobs;
			if (i >= 0 && (!str_to_u64(v, &jobs) || jobs < 1 || jobs > 1024))
				return err_set(err, ERR_USAGE, "-j: expected a number from 1 to 1024, found \"%s\"", v);
			cmd_globals.jobs = i >= 0 ? (unsigned)jobs : 0;
		} else {
			argv[n++] = argv[i];
		}
		if (i < 0)
			return err_set(err, ERR_USAGE, "%s needs a value", opt);
	}
	argv[n] = NULL;
	return n;
}
