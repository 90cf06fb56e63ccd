/* kiln new NAME: a profile of one's own in the current directory, over a shipped one, with every choice explained. */
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "config/bind.h"
#include "plan/appliance.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct options {
	const char *name, *from;
};

static int parse(int argc, char **argv, struct options *o, struct err *err)
{
	o->from = "core";
	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--from")) {
			if (++i == argc)
				return err_set(err, ERR_USAGE, "new: --from needs the name of a profile");
			o->from = argv[i];
		} else if (argv[i][0] == '-') {
			return err_set(err, ERR_USAGE, "new: unknown option '%s'", argv[i]);
		} else if (o->name) {
			return err_set(
				err, ERR_USAGE, "new: one name at a time, found '%s' and '%s'", o->name, argv[i]);
		} else {
			o->name = argv[i];
		}
	}
	if (!o->name) {
		err_set(err, ERR_USAGE, "new: which name?");
		return err_hint(err, "kiln new my-site [--from core]");
	}
	if (!bind_is_ident(o->name)) {
		err_set(err, ERR_USAGE, "new: '%s' cannot be the name of a profile", o->name);
		return err_hint(err, "a-z, 0-9 and -, beginning with a letter");
	}
	return 0;
}

static const char choices[] =
	"# Each line below shows a default or an example. Take the # away to change it.\n"
	"\n"
	"# Public names are SERVICE.DOMAIN.\n"
	"#domain: kiln.internal\n"
	"\n"
	"# More services (`kiln plan` says what is missing), and fewer.\n"
	"#services: [registry]\n"
	"#exclude: [mail]\n"
	"\n"
	"# A service's settings.\n"
	"#settings: {postgres: {instances: 3}}\n"
	"\n"
	"# Which service fulfils a kind of claim when several offer it.\n"
	"#providers: {database: postgres}\n"
	"\n"
	"# Language models in the image, for the service ollama.\n"
	"#models: [gemma3:270m]\n"
	"\n"
	"# cloud: virtual machines. full: real machines as well (USB, RAID, server network cards).\n"
	"#kernel: full\n"
	"#firmware: [server-network, microcode-intel]\n"
	"\n"
	"# GPUs for the containers that can use them, and which of them gets which; not with the cloud kernel.\n"
	"#gpu: amd\n"
	"#gpus: {ollama: [0, 1]}\n"
	"#components: [main, non-free-firmware]\n"
	"\n"
	"# What it must fit; `kiln plan` refuses what does not.\n"
	"#machine: {memory: 8G, disk: 20G, cpus: 2}\n"
	"\n"
	"# Sizes of the A/B partitions; default: content and a third.\n"
	"#slots: {root: 1G, store: 2G}\n"
	"\n"
	"#outputs: [raw, qcow2]\n"
	"\n"
	"# Small instead of quick compression.\n"
	"#release: true\n"
	"\n"
	"# The containers' network inside the machine.\n"
	"#network: {subnet: 10.213.0.0/24}\n"
	"\n"
	"# Who may log in; nobody else can.\n"
	"#ssh_keys: [\"ssh-ed25519 AAAA... me\"]\n"
	"\n"
	"# More for the operating system: packages, and files from beside this profile.\n"
	"#packages: [tcpdump]\n"
	"#files: {/etc/motd: {from: motd}}\n"
	"#cmdline: console=ttyS1\n"
	"\n"
	"# Where packages come from; default: what this machine's own apt uses.\n"
	"#mirror: URL\n"
	"#keyring: keys/site.gpg\n";

static void write_text(const struct options *o, const struct appliance *a, struct strbuf *b)
{
	strbuf_addf(b, "# %s: made by `kiln new` from %s.\n#\n# What that brings (`kiln plan` shows everything):\n",
		o->name, o->from);
	for (size_t i = 0; i < a->services.n; i++)
		if (strcmp(a->services.v[i].layer, "base") != 0)
			strbuf_addf(b, "#   %-16s %s\n", a->services.v[i].name, a->services.v[i].summary);
	strbuf_addf(b, "\nprofile: %s\nsummary: %s, over %s\nextends: %s\n\n%s", o->name, o->name, o->from, o->from,
		choices);
}

static int create(const char *file, const struct strbuf *b, struct err *err)
{
	_cleanup_fd_ int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST) {
		err_set(err, ERR_IO, "%s exists already", file);
		return err_hint(err, "choose another name, or move it away");
	}
	if (fd < 0)
		return err_sys(err, errno, "create %s", file);
	if (fd_write_all(fd, b->s, b->len) < 0 || fsync(fd) < 0) {
		int e = errno;
		unlink(file);
		return err_sys(err, e, "write %s", file);
	}
	return 0;
}

int cmd_new(int argc, char **argv, struct err *err)
{
	struct options o = {0};
	struct arena arena = {0};
	if (parse(argc, argv, &o, err) < 0)
		return -1;
	_cleanup_free_ char *file = xasprintf("%s.yaml", o.name);
	if (!bind_is_ident(o.from)) {
		err_set(err, ERR_USAGE, "new: --from takes the name of a profile, found '%s'", o.from);
		return err_hint(err, "for example: kiln new %s --from core", o.name);
	}
	const char *shipped = cmd_shipped(o.from, &arena, err);
	struct appliance *a = shipped ? appliance_load(shipped, err) : NULL;
	arena_release(&arena);
	if (!a)
		return -1;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	write_text(&o, a, &b);
	appliance_free(a);
	if (create(file, &b, err) < 0)
		return -1;
	if (cmd_globals.json)
		printf("{\"profile\": \"%s\"}\n", file);
	else
		printf("%s\n", file);
	return 0;
}
