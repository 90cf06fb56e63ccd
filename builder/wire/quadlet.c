/* One podman quadlet (podman-systemd.unit(5), podman 5.4) per container. */
#include "base/str.h"
#include "plan/rt.h"
#include "wire/parts.h"
#include "wire/text.h"
#include <ctype.h>

/* Room for a slow machine to run podman itself, before and after the time that the health check allows. */
#define START_SLACK_SEC 120
#define START_PATIENCE 10 /* kiln-agent wait stretches its deadline so far on a saturated machine */
#define HEALTH_DEFAULT_MS 60000
#define STOP_DEFAULT_MS 10000
/* Locally administered (IEEE 802), then the offset in the subnet. */
#define MAC_PREFIX "02:6b:69:6c"

static unsigned long long stop_seconds(const struct container *c)
{
	return ((c->stop_ms ? c->stop_ms : STOP_DEFAULT_MS) + 999) / 1000;
}

/* KEY=VALUE of a key that takes the rest of the line. */
static int value(struct strbuf *b, const char *key, const char *text, struct err *err)
{
	strbuf_addf(b, "%s=", key);
	if (unit_value(b, text, err) < 0)
		return err_wrap(err, "%s", key);
	strbuf_addc(b, '\n');
	return 0;
}

/* KEY=WORD of a key that is split into words. */
static int word(struct strbuf *b, const char *key, const char *text, struct err *err)
{
	strbuf_addf(b, "%s=", key);
	if (unit_word(b, text, err) < 0)
		return err_wrap(err, "%s", key);
	strbuf_addc(b, '\n');
	return 0;
}

static int pairs(struct strbuf *b, const char *key, const struct kv_list *list, struct err *err)
{
	for (size_t i = 0; i < list->n; i++) {
		_cleanup_free_ char *both = xasprintf("%s=%s", list->v[i].key, list->v[i].value);
		if (word(b, key, both, err) < 0)
			return -1;
	}
	return 0;
}

static int values(struct strbuf *b, const char *key, const struct str_list *list, struct err *err)
{
	for (size_t i = 0; i < list->n; i++)
		if (value(b, key, list->v[i], err) < 0)
			return -1;
	return 0;
}

/*
 * Services depend on one another by Wants= and After= only: with Requires= a restart would take the dependents down.
 * Together with RestartMode=direct, After= means "is healthy", through failed attempts as well.
 */
static int unit_section(struct strbuf *b, const struct appliance *a, const struct container *c, struct err *err)
{
	_cleanup_strvec_ struct strvec after = STRVEC_INIT;
	strvec_add(&after, "kiln-prepared.target");
	for (size_t i = 0; i < c->after.n; i++)
		strvec_addf(&after, "%s.service", c->after.v[i]);
	for (size_t i = 0; i < c->after_provision.n; i++)
		strvec_addf(&after, "kiln-provision@%s.service", c->after_provision.v[i]);
	const char *summary = NULL;
	for (size_t i = 0; i < a->services.n; i++)
		if (str_eq(a->services.v[i].name, c->service))
			summary = a->services.v[i].summary;
	_cleanup_free_ char *title = summary ? xasprintf("%s: %s", c->name, summary) : xstrdup(c->name);
	_cleanup_free_ char *list = strvec_join(&after, " ");
	strbuf_adds(b, "[Unit]\nDescription=");
	if (unit_text(b, title, err) < 0)
		return err_wrap(err, "Description");
	strbuf_addf(b, "\nWants=%s\nAfter=%s\nStartLimitIntervalSec=0\n\n", list, list);
	return 0;
}

/* The argv: an entrypoint replaces the image's whole command, its first word is podman's --entrypoint. */
static int command(struct strbuf *b, const struct container *c, struct err *err)
{
	size_t n = c->entrypoint.n;
	if (n && value(b, "Entrypoint", c->entrypoint.v[0], err) < 0)
		return -1;
	if (n < 2 && !c->command.n)
		return 0;
	strbuf_adds(b, "Exec=");
	const char *space = "";
	for (size_t i = n ? 1 : 0; i < n + c->command.n; i++, space = " ") {
		strbuf_adds(b, space);
		if (unit_rt_word(b, i < n ? c->entrypoint.v[i] : c->command.v[i - n], err) < 0)
			return err_wrap(err, "command");
	}
	strbuf_addc(b, '\n');
	return 0;
}

static int environment(struct strbuf *b, const struct container *c, struct arena *arena, struct err *err)
{
	bool rendered = c->secrets.n > 0;
	for (size_t i = 0; i < c->env.n; i++) {
		const struct kv *e = &c->env.v[i];
		if (wire_env_is_rendered(e)) {
			rendered = true;
			continue;
		}
		const char *both = arena_printf(arena, "%s=%s", e->key, rtext_literal(arena, e->value));
		if (word(b, "Environment", both, err) < 0)
			return -1;
	}
	if (rendered)
		strbuf_addf(b, "EnvironmentFile=/run/kiln/env/%s\n", c->name);
	return 0;
}

static int mount(struct strbuf *b, const char *from, const char *to, bool read_only, struct err *err)
{
	if (strchr(from, ':') || strchr(to, ':'))
		return err_set(err, ERR_CONFIG, "%s: a mounted path cannot contain \":\"", strchr(to, ':') ? to : from);
	_cleanup_free_ char *text = xasprintf("%s:%s%s", from, to, read_only ? ":ro" : "");
	return value(b, "Volume", text, err);
}

/*
 * Single files are bind mounts of what the image has or the agent renders. (A bind mount keeps the inode: the agent
 * rewrites a changed file in place.)
 */
static int mounts(struct strbuf *b, const struct container *c, struct err *err)
{
	for (size_t i = 0; i < c->volumes.n; i++)
		if (mount(b, c->volumes.v[i].name, c->volumes.v[i].path, c->volumes.v[i].read_only, err) < 0)
			return -1;
	for (size_t i = 0; i < c->host.n; i++)
		if (mount(b, c->host.v[i].host, c->host.v[i].path, true, err) < 0)
			return -1;
	if (c->models.path && mount(b, WIRE_MODELS, c->models.path, true, err) < 0)
		return -1;
	for (size_t i = 0; i < c->files.n; i++) {
		const struct file_spec *f = &c->files.v[i];
		const char *root = wire_file_is_rendered(f) ? "/run/kiln/files" : "/usr/lib/kiln/files";
		_cleanup_free_ char *from = xasprintf("%s/%s%s", root, c->name, f->path);
		if (mount(b, from, f->path, true, err) < 0)
			return -1;
	}
	if (mount(b, "/run/kiln/ca.crt", "/run/kiln/ca.crt", true, err) < 0 ||
		mount(b, "/run/kiln/ca.p12", "/run/kiln/ca.p12", true, err) < 0)
		return -1;
	return values(b, "Tmpfs", &c->tmpfs, err);
}

static int network(struct strbuf *b, const struct appliance *a, const struct container *c, struct err *err)
{
	strbuf_adds(b, "Network=" WIRE_NETWORK "\nPodmanArgs=--ip=${");
	unit_address(b, c->name);
	/* A fixed address with a new hardware address at every start would be unreachable until ARP entries expire. */
	strbuf_addf(
		b, "}\nPodmanArgs=--mac-address=" MAC_PREFIX ":%02x:%02x\n", c->address >> 8 & 255, c->address & 255);
	if (value(b, "HostName", c->name, err) < 0 || values(b, "NetworkAlias", &c->aliases, err) < 0)
		return -1;
	for (size_t i = 0; i < a->published.n; i++) {
		const struct publish *p = &a->published.v[i];
		if (str_eq(p->container, c->name))
			strbuf_addf(b, "PublishPort=%s%s%u:%u/%s\n", p->address ? p->address : "",
				p->address ? ":" : "", p->host_port, p->port, p->protocol);
	}
	return 0;
}

/*
 * Zero words or more: which GPUs there are is known on the machine only (kiln-agent gpu). A variable alone in a word,
 * without braces, is split at blanks by systemd.
 */
static void gpus(struct strbuf *b, const struct appliance *a, const struct container *c)
{
	if (!a->gpu || !c->gpus.n)
		return;
	strbuf_adds(b, "PodmanArgs=$");
	unit_gpus(b, c->name);
	strbuf_addc(b, '\n');
}

static int limits(struct strbuf *b, const struct container *c, struct err *err)
{
	strbuf_adds(b, "NoNewPrivileges=true\nDropCapability=all\n");
	if (values(b, "AddCapability", &c->capabilities, err) < 0)
		return -1;
	if (!c->writable_root)
		strbuf_adds(b, "ReadOnly=true\n");
	/* Those of the unit, see service_section. */
	if (c->ulimits.n)
		strbuf_adds(b, "Ulimit=host\n");
	return pairs(b, "Sysctl", &c->sysctl, err);
}

static int container_section(
	struct strbuf *b, const struct appliance *a, const struct container *c, struct arena *arena, struct err *err)
{
	strbuf_adds(b, "[Container]\n");
	if (value(b, "ContainerName", c->name, err) < 0 || value(b, "Image", c->image, err) < 0)
		return -1;
	strbuf_adds(b, "Pull=never\n");
	if (command(b, c, err) < 0 || (c->user && value(b, "User", c->user, err) < 0) ||
		(c->workdir && value(b, "WorkingDir", c->workdir, err) < 0))
		return -1;
	/* A composed image has no first process of its own to reap children; upstream images bring what they need. */
	if (c->tree)
		strbuf_adds(b, "RunInit=true\n");
	else
		strbuf_adds(b, "PodmanArgs=--no-healthcheck\n");
	if (environment(b, c, arena, err) < 0 || mounts(b, c, err) < 0 || network(b, a, c, err) < 0 ||
		limits(b, c, err) < 0)
		return -1;
	gpus(b, a, c);
	strbuf_addf(b, "LogDriver=journald\nStopTimeout=%llu\n\n", stop_seconds(c));
	return 0;
}

/*
 * Limits of memory and resources are the unit's, not podman's --memory and --ulimit: those fail where the machine does
 * not have the controller or the right, systemd does what it can.
 */
static int unit_limits(struct strbuf *b, const struct appliance *a, const struct container *c, struct err *err)
{
	if (c->memory)
		strbuf_addf(b, "MemoryMax=%llu\n", (unsigned long long)(c->memory + container_models(a, c)));
	for (size_t i = 0; i < c->ulimits.n; i++) {
		const struct kv *u = &c->ulimits.v[i];
		strbuf_adds(b, "Limit");
		for (const char *p = u->key; *p; p++)
			strbuf_addc(b, (char)toupper((unsigned char)*p));
		if (value(b, "", str_eq(u->value, "-1") ? "infinity" : u->value, err) < 0)
			return err_wrap(err, "ulimits: %s", u->key);
	}
	return 0;
}

static int service_section(struct strbuf *b, const struct appliance *a, const struct container *c, struct err *err)
{
	uint64_t start = c->health.start_ms ? c->health.start_ms : HEALTH_DEFAULT_MS;
	strbuf_adds(b, "[Service]\nEnvironmentFile=/run/kiln/network.env\n");
	if (c->gpus.n)
		strbuf_adds(b, "EnvironmentFile=-/run/kiln/gpu.env\n");
	/* What provision steps saved came after kiln-render: look again. */
	if (c->after_provision.n)
		strbuf_addf(b, "ExecStartPre=" WIRE_AGENT " render %s\n", c->name);
	if (c->health.kind != HEALTH_NONE)
		strbuf_addf(b, "ExecStartPost=" WIRE_AGENT " wait %s $MAINPID\n", c->name);
	strbuf_adds(b, "Restart=always\nRestartMode=direct\nRestartSec=1\nRestartSteps=6\nRestartMaxDelaySec=60\n");
	strbuf_addf(b, "TimeoutStartSec=%llu\n",
		(unsigned long long)((start + 999) / 1000 * START_PATIENCE + START_SLACK_SEC));
	strbuf_addf(b, "TimeoutStopSec=%llu\n", stop_seconds(c) + 10);
	return unit_limits(b, a, c, err);
}

int wire_quadlet(const struct appliance *a, const struct container *c, struct wire_files *w, struct err *err)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	if (unit_section(&b, a, c, err) < 0 || container_section(&b, a, c, &w->arena, err) < 0)
		return err_wrap(err, "container %s", c->name);
	/* Without DefaultDependencies=false every container would wait for network-online.target. */
	strbuf_adds(&b, "[Quadlet]\nDefaultDependencies=false\n\n");
	if (service_section(&b, a, c, err) < 0)
		return err_wrap(err, "container %s", c->name);
	strbuf_adds(&b, "\n[Install]\nWantedBy=multi-user.target\n");
	_cleanup_free_ char *path = xasprintf("/usr/share/containers/systemd/%s.container", c->name);
	wire_add_text(w, path, 0644, b.s);
	return 0;
}
