/* kiln plan: the resolved appliance, before anything is built. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "plan/appliance.h"
#include "plan/explain.h"
#include <stdio.h>

struct options {
	const char *profile;
	bool flows, dns;
};

static int parse(int argc, char **argv, struct options *o, struct err *err)
{
	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--flows"))
			o->flows = true;
		else if (str_eq(argv[i], "--dns"))
			o->dns = true;
		else if (argv[i][0] == '-')
			return err_set(err, ERR_USAGE, "plan: unknown option '%s'", argv[i]);
		else if (o->profile)
			return err_set(err, ERR_USAGE, "plan: one profile at a time, found '%s' and '%s'", o->profile,
				argv[i]);
		else
			o->profile = argv[i];
	}
	if (o->flows && o->dns)
		return err_set(err, ERR_USAGE, "plan: --flows and --dns exclude each other");
	if (o->profile)
		return 0;
	err_set(err, ERR_USAGE, "plan: which profile?");
	return err_hint(err, "kiln plan profiles/core.yaml [--flows | --dns] [--json]");
}

int cmd_plan(int argc, char **argv, struct err *err)
{
	struct options o = {0};
	if (parse(argc, argv, &o, err) < 0)
		return -1;
	struct appliance *a = appliance_load(o.profile, err);
	if (!a)
		return -1;
	_cleanup_free_ char *text = NULL;
	if (cmd_globals.json) {
		_cleanup_json_ json_t *j = o.flows ? explain_flows_json(a)
					   : o.dns ? explain_dns_json(a)
						   : appliance_json(a);
		text = json_canonical(j);
	} else {
		text = o.flows ? explain_flows(a) : o.dns ? explain_dns(a) : explain_appliance(a);
	}
	appliance_free(a);
	fputs(text, stdout);
	return 0;
}
