/* kiln plan: the resolved appliance, before anything is built. */
#include "base/json.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "plan/appliance.h"
#include <stdio.h>

int cmd_plan(int argc, char **argv, struct err *err)
{
	if (argc != 2)
		return err_set(err, ERR_USAGE, "plan: expected one profile");
	struct appliance *a = appliance_load(argv[1], err);
	if (!a)
		return -1;
	_cleanup_json_ json_t *j = appliance_json(a);
	_cleanup_free_ char *text = json_canonical(j);
	appliance_free(a);
	fputs(text, stdout);
	return 0;
}
