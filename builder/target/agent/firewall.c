/* `firewall`: a container reaches what it claimed, by port, and nothing else. */
#include "target/agent/firewall.h"
#include "base/log.h"
#include "base/path.h"
#include "base/proc.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <unistd.h>

#define REFUSED                                                                                                        \
	"\tset refused {\n"                                                                                            \
	"\t\ttype ipv4_addr . ipv4_addr . inet_proto . inet_service\n"                                                 \
	"\t\tsize 4096\n"                                                                                              \
	"\t\tflags dynamic\n"                                                                                          \
	"\t\tcounter\n"                                                                                                \
	"\t}\n"
#define COUNT "meta l4proto { tcp, udp } update @refused { ip saddr . ip daddr . meta l4proto . th dport }\n"

static bool is_udp(const char *protocol)
{
	return str_eq(protocol, "udp");
}

/* One set per kind of flow; nft refuses an empty `elements`. */
static void flow_set(const struct machine *m, const char *name, int which, struct strbuf *out)
{
	strbuf_addf(out, "\tset %s {\n\t\ttype ipv4_addr . ipv4_addr%s\n", name, which == 2 ? "" : " . inet_service");
	size_t n = 0;
	for (size_t i = 0; i < m->n_flows; i++) {
		const struct flow *f = &m->flows[i];
		int kind = !f->port ? 2 : is_udp(f->protocol) ? 1 : 0;
		if (kind != which)
			continue;
		strbuf_addf(out, "%s%s . %s", n++ ? ",\n\t\t\t" : "\t\telements = {\n\t\t\t", f->from->address,
			f->to->address);
		if (f->port)
			strbuf_addf(out, " . %u", f->port);
	}
	strbuf_adds(out, n ? "\n\t\t}\n\t}\n" : "\t}\n");
}

static void flow_sets(const struct machine *m, struct strbuf *out)
{
	flow_set(m, "flows_tcp", 0, out);
	flow_set(m, "flows_udp", 1, out);
	flow_set(m, "flows_all", 2, out);
}

/* Stateless pairs: the way there by destination port, the way back by source port, but never a connection's first
 * packet. */
static void flow_rules(struct strbuf *out)
{
	strbuf_adds(out, "\t\tip saddr . ip daddr . tcp dport @flows_tcp accept\n"
			 "\t\tip daddr . ip saddr . tcp sport @flows_tcp tcp flags & (syn|ack) != syn accept\n"
			 "\t\tip saddr . ip daddr . udp dport @flows_udp accept\n"
			 "\t\tip daddr . ip saddr . udp sport @flows_udp accept\n"
			 "\t\tip saddr . ip daddr @flows_all accept\n"
			 "\t\tip daddr . ip saddr @flows_all accept\n");
}

/*
 * Priority -200 (filter), before br_netfilter's own hook at 0: after that one a chain that was loaded before the bridge
 * existed would see no packet at all. A bridge's forward hook cannot reject (the kernel allows that in prerouting and
 * input only), so what gets here is dropped.
 */
static void bridge_table(const struct machine *m, struct strbuf *out)
{
	strbuf_adds(out, "table bridge kiln\ndelete table bridge kiln\ntable bridge kiln {\n");
	flow_sets(m, out);
	strbuf_adds(out, REFUSED "\tchain forward {\n"
				 "\t\ttype filter hook forward priority -200; policy drop;\n"
				 "\t\tether type arp accept\n");
	flow_rules(out);
	strbuf_adds(out, "\t\tether type ip " COUNT "\t\tcounter drop\n\t}\n}\n");
}

/*
 * Refused at once instead of by silence: the same judgement where the kernel can reject, before the bridge decides. On
 * top of the tables, because not every kernel has it (NFT_BRIDGE_REJECT); without it forward drops the same packets.
 */
void firewall_refuse_text(const struct machine *m, struct strbuf *out)
{
	strbuf_addf(out,
		"table bridge kiln {\n\tchain refuse {\n"
		"\t\ttype filter hook prerouting priority -200; policy accept;\n"
		"\t\tip saddr != %s accept\n\t\tip daddr != %s accept\n"
		"\t\tip saddr %s accept\n\t\tip daddr %s accept\n",
		m->subnet, m->subnet, m->gateway, m->gateway);
	flow_rules(out);
	strbuf_adds(out, "\t\tether type ip " COUNT "\t\tether type ip meta l4proto tcp reject with tcp reset\n"
			 "\t\tether type ip meta l4proto udp reject\n\t}\n}\n");
}

static void egress_rules(const struct machine *m, struct strbuf *out)
{
	for (size_t i = 0; i < m->n_egress; i++) {
		const struct egress *e = &m->egress[i];
		const char *proto = is_udp(e->protocol) ? "udp" : "tcp";
		strbuf_addf(out, "\t\tiifname \"%s\" oifname != \"%s\" ip saddr %s", m->bridge, m->bridge,
			e->container->address);
		if (e->to && !str_eq(e->to, "any"))
			strbuf_addf(out, " ip daddr %s", e->to);
		if (e->port)
			strbuf_addf(out, " %s dport %u", proto, e->port);
		else
			strbuf_addf(out, " meta l4proto %s", proto);
		strbuf_adds(out, " accept\n");
	}
}

static void publish_rules(const struct machine *m, struct strbuf *out)
{
	for (size_t i = 0; i < m->n_published; i++) {
		const struct publish *p = &m->published[i];
		strbuf_addf(out, "\t\tiifname != \"%s\" oifname \"%s\" ct status dnat ip daddr %s %s dport %u accept\n",
			m->bridge, m->bridge, p->container->address, is_udp(p->protocol) ? "udp" : "tcp", p->port);
	}
}

/*
 * podman keeps a published port from others with a socket at which nobody accepts, from before the port is translated
 * until after: who came to that one would be connected and wait for ever. What is translated does not come by here.
 */
static void held_rules(const struct machine *m, struct strbuf *out)
{
	for (size_t i = 0; i < m->n_published; i++) {
		const struct publish *p = &m->published[i];
		bool one = p->address && !str_eq(p->address, "0.0.0.0");
		strbuf_addf(out, "\t\tiifname != \"%s\"%s%s %s dport %u counter reject%s\n", m->bridge,
			one ? " ip daddr " : "", one ? p->address : "", is_udp(p->protocol) ? "udp" : "tcp",
			p->host_port, is_udp(p->protocol) ? "" : " with tcp reset");
	}
}

/*
 * From the bridge into the host: only its DNS server. Between bridge and elsewhere: published ports (which have been
 * translated to the container's address by then) and declared egress. From the bridge back to the bridge comes what a
 * container sent to a published port of the host, or routed through it: only what it may reach directly.
 */
static void inet_table(const struct machine *m, struct strbuf *out)
{
	strbuf_adds(out, "table inet kiln\ndelete table inet kiln\ntable inet kiln {\n");
	flow_sets(m, out);
	strbuf_addf(out,
		REFUSED "\tchain input {\n"
			"\t\ttype filter hook input priority 0; policy accept;\n"
			"\t\tjump held\n"
			"\t\tiifname != \"%s\" accept\n"
			"\t\tct state established,related accept\n"
			"\t\tip daddr %s udp dport 53 accept\n"
			"\t\tip daddr %s tcp dport 53 accept\n"
			"\t\t" COUNT "\t\tmeta l4proto tcp counter reject with tcp reset\n"
			"\t\tcounter reject\n"
			"\t}\n"
			"\tchain forward {\n"
			"\t\ttype filter hook forward priority 0; policy accept;\n"
			"\t\tiifname != \"%s\" oifname != \"%s\" accept\n"
			"\t\tct state established,related accept\n"
			"\t\tiifname \"%s\" oifname \"%s\" jump between\n",
		m->bridge, m->gateway, m->gateway, m->bridge, m->bridge, m->bridge, m->bridge);
	publish_rules(m, out);
	egress_rules(m, out);
	strbuf_adds(out, "\t\t" COUNT "\t\tmeta l4proto tcp counter reject with tcp reset\n"
			 "\t\tcounter reject\n\t}\n"
			 "\tchain held {\n");
	held_rules(m, out);
	strbuf_adds(out, "\t}\n\tchain between {\n");
	flow_rules(out);
	strbuf_adds(out, "\t\t" COUNT "\t\tmeta l4proto tcp counter reject with tcp reset\n"
			 "\t\tcounter reject\n\t}\n}\n");
}

void firewall_text(const struct machine *m, struct strbuf *out)
{
	bridge_table(m, out);
	inet_table(m, out);
}

static int nft(const char *const *argv, const char *input, struct strbuf *out, struct err *err)
{
	_cleanup_fd_ int in = -1;
	if (input) {
		in = memfd_create("nft", MFD_CLOEXEC);
		if (in < 0 || fd_write_all(in, input, strlen(input)) < 0 || lseek(in, 0, SEEK_SET) < 0)
			return err_sys(err, errno, "nft's input");
	}
	struct proc_opts o = {.in = in > 0 ? in : 0, .capture = out, .timeout_ms = 60000};
	return proc_run(argv, &o, err) < 0 ? -1 : 0;
}

/* Loaded already, and by this text: nothing is done, so that the counters live on. */
static bool loaded(const char *path, const char *text)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	static const char *const list[2][6] = {{"nft", "list", "chain", "bridge", "kiln", "forward"},
		{"nft", "list", "chain", "inet", "kiln", "forward"}};
	_cleanup_free_ char *had = path_exists(path) ? path_read(path, 16 << 20, NULL, &ignored) : NULL;
	if (!had || !str_eq(had, text))
		return false;
	for (size_t i = 0; i < 2; i++) {
		const char *const argv[] = {
			list[i][0], list[i][1], list[i][2], list[i][3], list[i][4], list[i][5], NULL};
		if (nft(argv, NULL, &out, &ignored) < 0)
			return false;
	}
	return true;
}

int cmd_firewall(struct agent *a, int argc, char **argv, struct err *err)
{
	(void)argc, (void)argv;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, out = STRBUF_INIT;
	_cleanup_free_ char *path = path_join(a->run, "nft.conf");
	firewall_text(&a->m, &text);
	if (path_mkdirs(a->run, err) < 0 || loaded(path, text.s))
		return err->kind ? -1 : 0;
	const char *const load[] = {"nft", "-f", "-", NULL};
	if (nft(load, text.s, &out, err) < 0)
		return -1;
	_cleanup_strbuf_ struct strbuf refuse = STRBUF_INIT;
	_cleanup_err_ struct err without = ERR_INIT;
	firewall_refuse_text(&a->m, &refuse);
	if (nft(load, refuse.s, &out, &without) < 0)
		log_note("this kernel cannot reject on a bridge: what is refused between containers is dropped");
	return path_write(path, text.s, text.len, 0644, err);
}

static const char *name_of(const struct machine *m, const char *address)
{
	for (size_t i = 0; i < m->n_containers; i++)
		if (str_eq(m->containers[i].address, address))
			return m->containers[i].name;
	return str_eq(address, m->gateway) ? "the machine" : address;
}

/* nft writes a number where /etc/protocols is missing. */
static const char *protocol_of(const json_t *j)
{
	if (json_is_integer(j))
		return json_integer_value(j) == IPPROTO_TCP   ? "tcp"
		       : json_integer_value(j) == IPPROTO_UDP ? "udp"
							      : NULL;
	return json_string_value(j);
}

/* {"elem": {"val": {"concat": [FROM, TO, PROTOCOL, PORT]}, "counter": {"packets", "bytes"}}} */
static void add_refusal(const struct machine *m, const json_t *elem, json_t *list)
{
	const json_t *e = json_object_get(elem, "elem"), *c = json_object_get(json_object_get(e, "val"), "concat");
	const char *from = json_string_value(json_array_get(c, 0)), *to = json_string_value(json_array_get(c, 1));
	const char *protocol = protocol_of(json_array_get(c, 2));
	json_int_t packets = json_integer_value(json_object_get(json_object_get(e, "counter"), "packets"));
	if (from && to && protocol && packets > 0)
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:O, s:I}", "from", name_of(m, from), "to", name_of(m, to),
				      "protocol", protocol, "port", json_array_get(c, 3), "packets", packets));
}

int firewall_parse(const struct machine *m, const char *listing, json_t *list, struct err *err)
{
	json_error_t where;
	json_t *root = json_loads(listing, 0, &where);
	const json_t *items = json_object_get(root, "nftables");
	if (!json_is_array(items)) {
		json_decref(root);
		return err_set(err, ERR_TOOL, "nft's listing is not understood: %s", where.text);
	}
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *set = json_object_get(json_array_get(items, i), "set"),
			     *elem = json_object_get(set, "elem");
		for (size_t k = 0; k < json_array_size(elem); k++)
			add_refusal(m, json_array_get(elem, k), list);
	}
	json_decref(root);
	return 0;
}

static json_int_t packets_of(const void *refusal)
{
	return json_integer_value(json_object_get(*(json_t *const *)refusal, "packets"));
}

static int more_packets_first(const void *a, const void *b)
{
	return packets_of(a) < packets_of(b) ? 1 : packets_of(a) > packets_of(b) ? -1 : 0;
}

/* Takes `list`. */
static json_t *most_first(json_t *list)
{
	size_t n = json_array_size(list);
	_cleanup_free_ json_t **v = xcalloc(n + 1, sizeof *v);
	json_t *out = json_array();
	for (size_t i = 0; i < n; i++)
		v[i] = json_array_get(list, i);
	qsort(v, n, sizeof *v, more_packets_first);
	for (size_t i = 0; i < n; i++)
		json_array_append(out, v[i]);
	json_decref(list);
	return out;
}

json_t *firewall_refusals(const struct machine *m, struct err *err)
{
	static const char *const families[] = {"bridge", "inet"};
	json_t *list = json_array();
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		const char *const argv[] = {"nft", "-j", "list", "set", families[i], "kiln", "refused", NULL};
		_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
		if (nft(argv, NULL, &out, err) < 0 || firewall_parse(m, strbuf_cstr(&out), list, err) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return most_first(list);
}
