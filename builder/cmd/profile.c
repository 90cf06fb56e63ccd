/* What commands share: the profile they work on. */
#include "cmd/cmd.h"

const char *cmd_profile(int argc, char **argv, struct err *err)
{
	if (argc == 2 && argv[1][0] != '-')
		return argv[1];
	if (argc < 2)
		err_set(err, ERR_USAGE, "%s: a profile is missing", argv[0]);
	else if (argv[1][0] == '-')
		err_set(err, ERR_USAGE, "%s: unknown option \"%s\"", argv[0], argv[1]);
	else
		err_set(err, ERR_USAGE, "%s: one profile at a time, found \"%s\" as well", argv[0], argv[2]);
	err_hint(err, "for example: kiln %s profiles/core.yaml", argv[0]);
	return NULL;
}
