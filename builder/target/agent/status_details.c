/* Certificates, refusals, overlap of networks, the breakdown of the boot. */
#include "base/json.h"
#include "base/path.h"
#include "base/proc.h"
#include "target/agent/backup.h"
#include "target/agent/ca.h"
#include "target/agent/firewall.h"
#include "target/agent/network.h"
#include "target/agent/site.h"
#include "target/agent/status.h"
#include "target/agent/unit.h"

static void site_days(const struct agent *a, json_t *list)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_site_ struct site s = {0};
	if (site_read(a, &s, &ignored) > 0)
		json_array_append_new(
			list, json_pack("{s:s, s:I}", "id", "site", "days",
				      (json_int_t)x509_days_left(sk_X509_value(s.chain, 0), agent_time(a))));
}

static json_t *certificates(const struct agent *a)
{
	json_t *list = json_array();
	site_days(a, list);
	for (size_t i = 0; i <= a->m.n_secrets; i++) {
		_cleanup_err_ struct err ignored = ERR_INIT;
		int64_t days;
		bool ca = i == a->m.n_secrets;
		const struct secret *s = ca ? NULL : &a->m.secrets[i];
		if (s && !s->certificate)
			continue;
		_cleanup_free_ char *path =
			ca ? path_join(a->state, "ca/cert.pem") : xasprintf("%s/secrets/%s/cert.pem", a->state, s->id);
		if (ca_days_left(path, agent_time(a), &days, &ignored) == 0)
			json_array_append_new(
				list, json_pack("{s:s, s:I}", "id", ca ? "ca" : s->id, "days", (json_int_t)days));
	}
	return list;
}

static uint64_t property(const struct strvec *lines, const char *name)
{
	size_t n = strlen(name);
	uint64_t v = 0;
	for (size_t i = 0; i < lines->n; i++)
		if (strncmp(lines->v[i], name, n) == 0 && lines->v[i][n] == '=')
			str_to_u64(lines->v[i] + n + 1, &v);
	return v / 1000;
}

static void set_ms(json_t *o, const char *key, uint64_t ms)
{
	if (ms)
		json_object_set_new(o, key, json_integer((json_int_t)ms));
}

static uint64_t init_ms(const json_t *init, const char *key)
{
	double v = json_number_value(json_object_get(init, key));
	return v > 0 && v < 1e9 ? (uint64_t)(v * 1000) : 0;
}

/*
 * systemd counts microseconds: firmware and loader before the kernel's start, userspace after it. Between lie the
 * kernel and kiln's init, which leaves its times in RUN/init.json (seconds).
 */
static json_t *boot(const struct agent *a)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_strvec_ struct strvec lines = STRVEC_INIT;
	json_t *j = json_object();
	static const char *const argv[] = {"systemctl", "show", "--property=FirmwareTimestampMonotonic",
		"--property=LoaderTimestampMonotonic", "--property=UserspaceTimestampMonotonic", NULL};
	if (proc_run(argv, &(struct proc_opts){.capture = &out, .timeout_ms = 30000}, &ignored) < 0)
		return j;
	str_split(&lines, strbuf_cstr(&out), "\n");
	uint64_t firmware = property(&lines, "FirmwareTimestampMonotonic"),
		 loader = property(&lines, "LoaderTimestampMonotonic"),
		 userspace = property(&lines, "UserspaceTimestampMonotonic");
	_cleanup_free_ char *path = path_join(a->run, "init.json");
	_cleanup_json_ json_t *init = path_exists(path) ? json_read(path, 1 << 16, &ignored) : NULL;
	uint64_t initrd = init_ms(init, "start"), disk = init_ms(init, "disk"), verified = init_ms(init, "verified");
	set_ms(j, "firmware_ms", firmware > loader ? firmware - loader : 0);
	set_ms(j, "loader_ms", loader);
	if (path_exists("/run/systemd/container"))
		userspace = 0; /* no firmware, no kernel of its own */
	else
		set_ms(j, "kernel_ms", initrd ? initrd : userspace);
	set_ms(j, "init_ms", initrd && userspace > initrd ? userspace - initrd : 0);
	set_ms(j, "root_ms", initrd && verified > disk ? verified - disk : 0);
	set_ms(j, "root_at_ms", initrd && disk > initrd ? disk - initrd : 0);
	set_ms(j, "userspace_ms", agent_ms() > userspace ? agent_ms() - userspace : 0);
	return j;
}

/* The container whose unit this is. */
static json_t *container_of(json_t *status, const char *unit)
{
	json_t *services = json_object_get(status, "services");
	for (size_t i = 0; i < json_array_size(services); i++) {
		json_t *list = json_object_get(json_array_get(services, i), "containers");
		for (size_t k = 0; k < json_array_size(list); k++)
			if (str_eq(json_string_value(json_object_get(json_array_get(list, k), "unit")), unit))
				return json_array_get(list, k);
	}
	return NULL;
}

struct timed {
	const struct agent *a;
	json_t *status;
};

/*
 * `wait` saw a container first when podman had started it; systemd knows when its unit was begun. Of a container that
 * nobody asks for its health, systemd knows also when it was there. In microseconds of the machine's clock; 0: not yet.
 */
static void note_unit(void *arg, const char *unit, const char *const *values)
{
	const struct timed *t = arg;
	uint64_t begun = 0, active = 0;
	if (values[0])
		(void)str_to_u64(values[0], &begun);
	if (values[1])
		(void)str_to_u64(values[1], &active);
	json_t *c = begun ? container_of(t->status, unit) : NULL;
	const struct container *known =
		c ? machine_container(&t->a->m, json_string_value(json_object_get(c, "name"))) : NULL;

	if (!known)
		return;
	if (known->health.kind == PROBE_NONE && active >= begun)
		json_object_set_new(c, "healthy_ms", json_integer((json_int_t)agent_monotonic_ms(active)));
	uint64_t healthy = (uint64_t)json_integer_value(json_object_get(c, "healthy_ms"));
	/* a unit that was restarted since has a younger start than the health we know of */
	if (agent_monotonic_ms(begun) <= healthy)
		json_object_set_new(c, "started_ms", json_integer((json_int_t)agent_monotonic_ms(begun)));
}

static void unit_times(const struct agent *a, json_t *status)
{
	static const char *const properties[] = {
		"InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic", NULL};
	_cleanup_err_ struct err ignored = ERR_INIT;
	(void)unit_show(&a->m, properties, note_unit, &(struct timed){.a = a, .status = status}, &ignored);
}

void status_details(const struct agent *a, json_t *status)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_strbuf_ struct strbuf overlap = STRBUF_INIT;
	json_object_set_new(status, "certificates", certificates(a));
	if (json_object_get(status, "backup"))
		backup_next(a, json_object_get(status, "backup"));
	unit_times(a, status);
	json_t *refusals = firewall_refusals(&a->m, &ignored);
	json_object_set_new(status, "refusals", refusals ? refusals : json_array());
	json_t *b = boot(a);
	/* until ready, userspace is still being measured; after it, the time it took */
	uint64_t ready = (uint64_t)json_integer_value(json_object_get(status, "ready_ms"));
	uint64_t before = (uint64_t)json_integer_value(json_object_get(b, "kernel_ms")) +
			  (uint64_t)json_integer_value(json_object_get(b, "init_ms"));
	if (ready > before && json_object_size(b))
		json_object_set_new(b, "userspace_ms", json_integer((json_int_t)(ready - before)));
	json_object_set_new(status, "boot", b);
	_cleanup_free_ char *routes = path_read("/proc/net/route", 1 << 20, NULL, &ignored);
	if (routes && network_overlap(&a->m, routes, &overlap))
		json_object_set_new(status, "overlap", json_string(overlap.s));
}
