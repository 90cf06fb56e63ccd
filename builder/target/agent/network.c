/* `network`: the subnet of this machine and every container's address in it, for units to read, and by name. */
#include "target/agent/network.h"
#include "base/log.h"
#include "base/path.h"
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#define CREDENTIAL "/run/credentials/@system/kiln.subnet"

/* Personalisation wins over what the image says: a system credential, or a file on /var. NULL: neither. */
static int override(const struct agent *a, char **ret, struct err *err)
{
	_cleanup_free_ char *own = path_join(a->state, "subnet");
	const char *const places[] = {CREDENTIAL, own};
	*ret = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (!path_exists(places[i]))
			continue;
		uint32_t base;
		unsigned bits;
		_cleanup_free_ char *text = path_read(places[i], 64, NULL, err);
		if (!text)
			return -1;
		text[strcspn(text, " \r\n")] = 0;
		if (subnet_parse(text, &base, &bits, err) < 0)
			return err_wrap(err, "%s", places[i]);
		*ret = steal(text);
		return 0;
	}
	return 0;
}

void network_env(const struct machine *m, struct strbuf *out)
{
	char host[256] = "";
	if (gethostname(host, sizeof host - 1) < 0)
		host[0] = 0;
	strbuf_addf(out, "KILN_SUBNET=%s\nKILN_GATEWAY=%s\nKILN_DOMAIN=%s\nKILN_HOSTNAME=%s\n", m->subnet, m->gateway,
		m->domain ? m->domain : "", host);
	for (size_t i = 0; i < m->n_containers; i++) {
		strbuf_adds(out, "KILN_IP_");
		for (const char *p = m->containers[i].name; *p; p++)
			strbuf_addc(out, *p == '-' ? '_' : *p);
		strbuf_addf(out, "=%s\n", m->containers[i].address);
	}
}

void network_hosts(const struct machine *m, struct strbuf *out)
{
	strbuf_adds(out, "127.0.0.1 localhost\n::1 localhost\n");
	for (size_t i = 0; i < m->n_containers; i++) {
		strbuf_addf(out, "%s %s", m->containers[i].address, m->containers[i].name);
		for (const char *const *alias = m->containers[i].aliases; *alias; alias++)
			strbuf_addf(out, " %s", *alias);
		strbuf_addc(out, '\n');
	}
}

bool network_overlap(const struct machine *m, char *routes, struct strbuf *ret)
{
	uint32_t base;
	unsigned bits;
	_cleanup_err_ struct err ignored = ERR_INIT;
	if (subnet_parse(m->subnet, &base, &bits, &ignored) < 0)
		return false;
	size_t before = ret->len;
	char *save, *line = strtok_r(routes, "\n", &save);
	for (; line; line = strtok_r(NULL, "\n", &save)) {
		char device[17];
		uint32_t destination, mask;
		/* /proc/net/route: addresses in the machine's byte order as it lies in memory */
		if (sscanf(line, "%16s %" SCNx32 " %*x %*x %*d %*d %*d %" SCNx32, device, &destination, &mask) != 3)
			continue;
		destination = ntohl(destination), mask = ntohl(mask);
		uint32_t both = mask & ~(UINT32_MAX >> bits);
		if (!mask || str_eq(device, m->bridge) || (destination & both) != (base & both))
			continue;
		strbuf_addf(ret, "%s%u.%u.%u.%u/%d on %s", ret->len > before ? ", " : "", destination >> 24,
			destination >> 16 & 255, destination >> 8 & 255, destination & 255, __builtin_popcount(mask),
			device);
	}
	return ret->len > before;
}

int cmd_network(struct agent *a, int argc, char **argv, struct err *err)
{
	(void)argc, (void)argv;
	_cleanup_free_ char *subnet = NULL, *own = path_join(a->run, "subnet"), *env = path_join(a->run, "network.env");
	_cleanup_free_ char *hosts = path_join(a->run, "hosts");
	if (override(a, &subnet, err) < 0 || path_mkdirs(a->run, err) < 0)
		return -1;
	if (chmod(a->run, 0755) < 0)
		return err_sys(err, errno, "%s", a->run);
	if (subnet ? path_write(own, subnet, strlen(subnet), 0644, err) < 0 : path_remove(own, err) < 0)
		return -1;
	struct machine m;
	int r = machine_load(&m, a->conf, subnet, err);
	if (r == 0) {
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, names = STRBUF_INIT, clash = STRBUF_INIT;
		network_env(&m, &text);
		network_hosts(&m, &names);
		r = path_write(env, text.s, text.len, 0644, err) < 0 ||
				    path_write(hosts, names.s, names.len, 0644, err) < 0
			    ? -1
			    : 0;
		_cleanup_err_ struct err ignored = ERR_INIT;
		_cleanup_free_ char *routes = path_read("/proc/net/route", 1 << 20, NULL, &ignored);
		if (r == 0 && routes && network_overlap(&m, routes, &clash))
			log_warn("the containers' subnet %s overlaps with the machine's routes: %s", m.subnet, clash.s);
	}
	machine_release(&m);
	return r;
}
