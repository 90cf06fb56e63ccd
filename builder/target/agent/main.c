/* kiln-agent: the table of commands, the paths, and the one place that prints errors. */
#include "target/agent/agent.h"
#include "target/agent/status.h"
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <sys/stat.h>

enum {
	SHOWN = 1, /* its failure is shown in the status until it succeeds */
	ALONE = 2, /* it wants nothing of the machine, not even the machine file */
};
struct command {
	const char *name;
	int (*run)(struct agent *a, int argc, char **argv, struct err *err);
	unsigned flags;
	int arguments_max;
	const char *arguments, *summary;
};

static const struct command commands[] = {
	{"secrets", cmd_secrets, SHOWN, 0, "", "create missing secrets, the CA and its certificates"},
	{"network", cmd_network, SHOWN, 0, "", "write the addresses of this machine's containers"},
	{"firewall", cmd_firewall, SHOWN, 0, "", "load the tables of allowed flows"},
	{"render", cmd_render, SHOWN, 1, "[CONTAINER]", "write files and environments into /run"},
	{"provision", cmd_provision, 0, 1, "ID", "run the steps of one provision that are not done"},
	{"gpu", cmd_gpu, SHOWN, 2, "[--json | show | --root DIR]",
		"find GPUs, write what podman reads of them; show them"},
	{"watch", cmd_watch, 0, 0, "", "probe all containers; restart what stays unhealthy"},
	{"wait", cmd_wait, 0, 3, "CONTAINER [PID [TIMEOUT-MS]]", "until a container is healthy"},
	{"ready", cmd_ready, 0, 1, "[--check]", "until everything is healthy and provisioned"},
	{"status", cmd_status, 0, 2, "[--json] [--full] | --follow [--secrets] | --publish DIR",
		"show the state of everything; write it for the page"},
	{"page", cmd_page, ALONE, 14, "[--port N] [--metrics N] ...", "serve the appliance's page, in a container"},
	{"report", cmd_report, 0, 0, "", "send the status to the host"},
	{"backup", cmd_backup, 0, 64, "[--list] [SERVICE...]", "save what services keep; show what is saved"},
	{"restore", cmd_restore, 0, 64, "[--at TIME] [--yes] SERVICE...", "bring back what was saved"},
	{"certificate", cmd_certificate, 0, 4, "install CERT KEY | remove | show",
		"the site's own certificate at the front door"},
	{"give", cmd_give, 0, 2, "[SECRET | --remove SECRET]", "a secret of somewhere else, from standard input"},
	{"renew", cmd_renew, SHOWN, 0, "", "renew certificates that near their end"},
};

static int usage(FILE *to)
{
	fputs("usage: kiln-agent [--machine FILE] [--state DIR] [--run DIR] COMMAND ...\n\n", to);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		char left[64];
		snprintf(left, sizeof left, "%s %s", commands[i].name, commands[i].arguments);
		fprintf(to, "  %-38s %s\n", left, commands[i].summary);
	}
	return to == stdout ? 0 : ERR_USAGE;
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (str_eq(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* The usual reason on a machine that ran well so far deserves the plain words. */
static void print_error(const struct err *err)
{
	_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT; /* a service may have said some of it */
	strbuf_add_plain(&plain, err->msg ? err->msg : "failed");
	fprintf(stderr, "kiln-agent: %s\n", strbuf_cstr(&plain));
	if (err->sys == ENOSPC)
		fputs("kiln-agent: hint: the disk is full: free space under /var, or give the machine a larger disk\n",
			stderr);
	else if (err->hint)
		fprintf(stderr, "kiln-agent: hint: %s\n", err->hint);
}

/*
 * Which container's rendering failed belongs to the problem's name, so that another's success does not hide it. A word
 * that nobody understands is whoever typed it, and no problem of the machine; nothing would ever take it away.
 */
static void keep_problem(
	const struct agent *a, const struct command *c, int argc, char **argv, const struct err *failed)
{
	_cleanup_free_ char *what = argc > 1 ? xasprintf("%s %s", c->name, argv[1]) : xstrdup(c->name);
	if (!(c->flags & SHOWN) || strchr(what, '/') || (failed && failed->kind == ERR_USAGE))
		return;
	status_problem(a, what, failed ? failed->msg : NULL);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"machine", required_argument, NULL, 'm'},
		{"state", required_argument, NULL, 's'}, {"run", required_argument, NULL, 'r'},
		{"help", no_argument, NULL, 'h'}, {0}};
	const char *conf = "/usr/lib/kiln/machine.json", *state = "/var/lib/kiln", *run = "/run/kiln";
	int o;
	while ((o = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		if (o == 'm')
			conf = optarg;
		else if (o == 's')
			state = optarg;
		else if (o == 'r')
			run = optarg;
		else
			return usage(o == 'h' ? stdout : stderr);
	}
	const struct command *c = optind < argc ? find(argv[optind]) : NULL;
	if (!c || argc - optind - 1 > c->arguments_max)
		return usage(stderr);
	umask(022);
	struct agent a = {0};
	_cleanup_err_ struct err err = ERR_INIT;
	int rc = c->flags & ALONE ? 0 : agent_init(&a, conf, state, run, &err);
	if (rc == 0) {
		rc = c->run(&a, argc - optind, argv + optind, &err);
		keep_problem(&a, c, argc - optind, argv + optind, rc < 0 ? &err : NULL);
	}
	if (rc < 0)
		print_error(&err);
	agent_release(&a);
	return rc < 0 ? (int)err.kind : 0;
}
