/* Health: what probes mean, how long wait waits, what status makes of it; the machine file, network and firewall text.
 */
#include "agentfix.h"
#include "target/agent/firewall.h"
#include "target/agent/network.h"
#include "target/agent/patience.h"
#include "target/agent/pointer.h"
#include "target/agent/probe.h"
#include "target/agent/status.h"
#include "target/agent/unit.h"
#include "target/agent/watch.h"
#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

static void judgement(void **state)
{
	(void)state;
	struct watch_state s = {0};
	const struct health h = {.start_ms = 10000, .interval_ms = 1000};
	assert_int_equal(watch_step(&s, &h, false, false, 1000), HEALTH_STARTING);
	/* it may take its start's time, and fails three times at least */
	assert_int_equal(watch_step(&s, &h, true, false, 2000), HEALTH_STARTING);
	assert_int_equal(watch_step(&s, &h, true, false, 13000), HEALTH_STARTING);
	assert_int_equal(watch_step(&s, &h, true, false, 13500), HEALTH_UNHEALTHY);
	assert_int_equal(watch_step(&s, &h, true, true, 14000), HEALTH_HEALTHY);
	/* two failures are a hiccup */
	assert_int_equal(watch_step(&s, &h, true, false, 15000), HEALTH_HEALTHY);
	assert_int_equal(watch_step(&s, &h, true, false, 16000), HEALTH_HEALTHY);
	assert_int_equal(watch_step(&s, &h, true, false, 17000), HEALTH_UNHEALTHY);
	assert_int_equal(watch_step(&s, &h, true, true, 18000), HEALTH_HEALTHY);
	/* a restart begins anew */
	assert_int_equal(watch_step(&s, &h, false, false, 19000), HEALTH_STARTING);
	assert_int_equal(watch_step(&s, &h, true, false, 20000), HEALTH_STARTING);
	assert_int_equal(watch_step(&s, &h, true, false, 29000), HEALTH_STARTING);
	assert_int_equal(watch_step(&s, &h, true, false, 30000), HEALTH_UNHEALTHY);
}

static void backoff(void **state)
{
	(void)state;
	struct watch_state s = {0};
	const struct health h = {.start_ms = 1000, .interval_ms = 1000};
	uint64_t now = 1000, last = 0, pauses[8];
	assert_false(watch_restart_due(&s, now));
	for (int i = 0; i < 3; i++)
		watch_step(&s, &h, true, false, now += 1000);
	assert_int_equal(s.unhealthy_since_ms, now);
	assert_false(watch_restart_due(&s, now + 29999));
	assert_true(watch_restart_due(&s, now + 30000));
	s = (struct watch_state){.unhealthy_since_ms = 1};
	now += 30000;
	for (size_t i = 0; i < ARRAY_SIZE(pauses); now += 1000) {
		if (!watch_restart_due(&s, now))
			continue;
		if (last)
			pauses[i++] = now - last;
		last = now;
	}
	assert_int_equal(pauses[0], 60000);
	assert_int_equal(pauses[1], 120000);
	assert_int_equal(pauses[3], 480000);
	assert_int_equal(pauses[4], 900000);
	assert_int_equal(pauses[7], 900000);
	/* healthy for a quarter of an hour: forgotten */
	watch_step(&s, &h, true, true, now);
	watch_step(&s, &h, true, true, now + 900001);
	assert_int_equal(s.unhealthy_since_ms, 0);
	assert_int_equal(s.backoff_ms, 0);
}

/* What systemd restarted counts like what the watch restarted, and neither is ever counted back. */
static void restarts_of_both(void **state)
{
	(void)state;
	struct health_entry e = {0};
	assert_false(watch_count(&e, 0)); /* the first start */
	assert_int_equal(e.restarts, 0);
	assert_true(watch_count(&e, 2));
	assert_false(watch_count(&e, 2));
	assert_int_equal(e.restarts, 2);
	/* the watch restarts it, whereupon systemd begins anew */
	e.restarts++;
	assert_false(watch_count(&e, 0));
	assert_int_equal(e.restarts, 3);
	assert_true(watch_count(&e, 1));
	assert_int_equal(e.restarts, 4);
	assert_true(watch_count(&e, 4));
	assert_int_equal(e.restarts, 7);
	/* begun anew, and restarted already when it is looked at again */
	assert_true(watch_count(&e, 3));
	assert_int_equal(e.restarts, 10);
}

static const char tiny[] =
	"{\"kiln\":1,\"name\":\"t\",\"version\":\"7\",\"network\":{\"name\":\"kiln\",\"bridge\":\"kiln0\",\"subnet\":"
	"\"127.0.0.0/24\"},"
	"\"services\":[{\"name\":\"web\",\"layer\":\"edge\",\"containers\":[\"web\"]},{\"name\":\"db\",\"layer\":"
	"\"data\","
	"\"containers\":[\"db-1\",\"db-2\"]}],"
	"\"containers\":[{\"name\":\"web\",\"service\":\"web\",\"unit\":\"w.service\",\"address\":20,"
	"\"health\":{\"kind\":\"tcp\",\"port\":%u,\"interval\":50,\"timeout\":200,\"start\":400}},"
	"{\"name\":\"db-1\",\"service\":\"db\",\"unit\":\"a.service\",\"address\":21,\"health\":{\"kind\":\"none\"}},"
	"{\"name\":\"db-2\",\"service\":\"db\",\"unit\":\"b.service\",\"address\":22,\"health\":{\"kind\":\"none\"}}],"
	"\"provision\":[{\"id\":\"db\",\"service\":\"db\",\"title\":\"Roles\",\"steps\":[{\"name\":\"role\"}]}]}";

/* A port at 127.0.0.20 that is bound; it answers when listened on. */
static int with_port(struct fix *f, bool listening)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, "127.0.0.20", &at.sin_addr);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	getsockname(fd, (struct sockaddr *)&at, &len);
	if (listening)
		assert_int_equal(listen(fd, 8), 0);
	_cleanup_free_ char *text = xasprintf(tiny, ntohs(at.sin_port));
	fix_machine(f, text);
	return fd;
}

static int wait_for(struct fix *f, const char *pid)
{
	char *argv[] = {(char *)"wait", (char *)"web", (char *)pid, NULL};
	return cmd_wait(&f->a, pid ? 3 : 2, argv, &f->err);
}

static void waiting(void **state)
{
	struct fix *f = *state;
	__attribute__((unused)) _cleanup_fd_ int fd = with_port(f, false);
	uint64_t begun = agent_ms();
	assert_int_equal(wait_for(f, NULL), -1);
	assert_true(agent_ms() - begun >= 400 && agent_ms() - begun < 2000);
	assert_true(str_starts(f->err.msg, "web is not healthy after 0 s: 127.0.0.20:"));
	assert_true(str_ends(f->err.msg, ": Connection refused"));
	err_release(&f->err);
	assert_int_equal(listen(fd, 8), 0);
	assert_works(wait_for(f, NULL), f);
	_cleanup_free_ char *times = fix_file(f, "run/started/web.json");
	assert_true(str_starts(times, "{\"healthy_ms\":"));
}

/* The main process is gone: an error at once, not after the time-out. */
static void waiting_for_the_dead(void **state)
{
	struct fix *f = *state;
	__attribute__((unused)) _cleanup_fd_ int fd = with_port(f, false);
	pid_t pid = fork();
	if (pid == 0) {
		usleep(100000);
		_exit(1);
	}
	_cleanup_free_ char *text = xasprintf("%d", (int)pid);
	uint64_t begun = agent_ms();
	assert_int_equal(wait_for(f, text), -1);
	assert_true(agent_ms() - begun < 380);
	assert_true(str_starts(f->err.msg, "web ended before it was healthy"));
	waitpid(pid, NULL, 0);
	assert_fails(wait_for(f, text), f, "web ended before it was healthy");
	assert_fails(wait_for(f, "x"), f, "wait CONTAINER [PID [TIMEOUT-MS]]: not a number");
}

/* A reason must not change from probe to probe, or each would be news. */
static void reasons(void **state)
{
	struct fix *f = *state;
	__attribute__((unused)) _cleanup_fd_ int fd = with_port(f, false);
	struct container c = *machine_container(&f->a.m, "web");
	const char *const want[] = {"Connection refused", "no answer within 200 ms"};
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		_cleanup_free_ char *text = xasprintf("127.0.0.20:%u: %s", c.health.port, want[i]);
		c.health.kind = PROBE_HTTP;
		assert_fails(probe(&c, &f->err), f, text);
		c.health.kind = PROBE_HTTPS;
		assert_fails(probe(&c, &f->err), f, text);
		assert_int_equal(listen(fd, 8), 0); /* it takes connections, and says nothing */
	}
}

static void write_health(struct fix *f, enum health_state web, uint64_t beat)
{
	struct health_entry v[3] = {{.state = web, .reason = web == HEALTH_HEALTHY ? NULL : (char *)"no answer"},
		{.state = HEALTH_HEALTHY}, {.state = HEALTH_HEALTHY}};
	struct health_table t = {.v = v, .n = 3, .beat_ms = beat};
	assert_works(health_write(&f->a, &t, &f->err), f);
}

static void put(struct fix *f, const char *path, const char *text)
{
	_cleanup_free_ char *full = path_join(f->dir, path);
	assert_works(agent_write(full, text, strlen(text), 0600, &f->err), f);
}

static void assert_status(struct fix *f, const char *state, const char *line)
{
	_cleanup_json_ json_t *s = status_core(&f->a);
	_cleanup_free_ char *got = status_line(s);
	assert_string_equal(got, line);
	assert_string_equal(json_string_value(json_object_get(s, "state")), state);
}

static void states(void **state)
{
	struct fix *f = *state;
	__attribute__((unused)) _cleanup_fd_ int fd = with_port(f, false);
	assert_works(agent_private_dirs(&f->a, &f->err), f);
	assert_status(f, "starting",
		"starting: 0 of 2 services healthy; waiting for web, db; the health watch does not run (kiln-agent "
		"watch)");
	write_health(f, HEALTH_STARTING, agent_ms());
	assert_status(f, "starting", "starting: 1 of 2 services healthy; waiting for web (no answer)");
	put(f, "run/provision/db.json", "{\"id\":\"db\",\"state\":\"running\",\"step\":\"role\",\"steps\":[]}");
	write_health(f, HEALTH_HEALTHY, agent_ms());
	assert_status(f, "starting", "starting: 2 of 2 services healthy; provision db running: role");
	char *check[] = {(char *)"ready", (char *)"--check", NULL};
	assert_fails(cmd_ready(&f->a, 2, check, &f->err), f,
		"starting: 2 of 2 services healthy; provision db running: role");
	put(f, "run/provision/db.json", "{\"id\":\"db\",\"state\":\"failed\",\"answer\":\"no\",\"steps\":[]}");
	assert_status(f, "degraded", "degraded: 2 of 2 services healthy; provision db failed");
	put(f, "run/provision/db.json", "{\"id\":\"db\",\"state\":\"done\",\"steps\":[]}");
	assert_status(f, "ready", "ready: 2 of 2 services healthy");
	assert_works(cmd_ready(&f->a, 1, check, &f->err), f);
	/* from now on trouble is a degradation */
	write_health(f, HEALTH_STARTING, agent_ms());
	assert_status(f, "degraded", "degraded: 1 of 2 services healthy; waiting for web (no answer)");
	write_health(f, HEALTH_HEALTHY, agent_ms());
	status_problem(&f->a, "render", "no room");
	assert_status(f, "degraded", "degraded: 2 of 2 services healthy; render: no room");
	status_problem(&f->a, "firewall", "nft: no such table\nit said more");
	assert_status(f, "degraded", "degraded: 2 of 2 services healthy; firewall: nft: no such table, and 1 more");
	status_problem(&f->a, "firewall", NULL);
	_cleanup_json_ json_t *s = status_core(&f->a);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	status_text(s, &text);
	assert_non_null(strstr(text.s, "problem: render: no room\n"));
	status_problem(&f->a, "render", NULL);
	assert_status(f, "ready", "ready: 2 of 2 services healthy");
	/* a watch that died says nothing about now */
	write_health(f, HEALTH_HEALTHY, agent_ms() > HEALTH_STALE_MS ? agent_ms() - HEALTH_STALE_MS : 1);
	assert_status(f, "degraded",
		"degraded: 0 of 2 services healthy; waiting for web, db; the health watch does not run (kiln-agent "
		"watch)");
}

/* Time alone is no news: an uptime, the age of a backup. */
static void news(void **state)
{
	(void)state;
	_cleanup_json_ json_t *first = json_loads(
				      "{\"uptime_ms\":1,\"backup\":{\"items\":[{\"id\":\"a\",\"age_s\":5}]}}", 0, NULL),
			      *later = json_loads(
				      "{\"uptime_ms\":9,\"backup\":{\"items\":[{\"id\":\"a\",\"age_s\":6}]}}", 0, NULL),
			      *other = json_loads(
				      "{\"uptime_ms\":9,\"backup\":{\"items\":[{\"id\":\"b\",\"age_s\":6}]}}", 0, NULL);
	_cleanup_free_ char *a = status_essence(first), *b = status_essence(later), *c = status_essence(other);
	assert_string_equal(a, b);
	assert_string_not_equal(a, c);
	assert_int_equal(
		json_integer_value(json_pointer(later, "/backup/items/0/age_s")), 6); /* it is only looked at */
}

/* A systemctl that says its arguments into a file and answers with this text. */
static void with_systemctl(struct fix *f, const char *answer)
{
	_cleanup_free_ char *bin = path_join(f->dir, "bin"), *program = path_join(bin, "systemctl"),
			    *script =
				    xasprintf("#!/bin/sh\necho \"$@\" >'%s/asked'\ncat '%s/answer'\n", f->dir, f->dir);
	mkdir(bin, 0755);
	assert_works(path_write(program, script, strlen(script), 0755, &f->err), f);
	put(f, "answer", answer);
}

static void restarts_of_systemd(void **state)
{
	struct fix *f = *state;
	__attribute__((unused)) _cleanup_fd_ int fd = with_port(f, false);
	_cleanup_free_ char *old = xstrdup(getenv("PATH")), *path = xasprintf("%s/bin:%s", f->dir, old);
	unsigned counts[] = {5, 6, 7};
	setenv("PATH", path, 1);
	/* in whatever order; of what has no answer, what was known */
	with_systemctl(f, "NRestarts=1\nId=w.service\n\nId=b.service\nNRestarts=42\n\nId=x.service\nNRestarts=3\n");
	int r = unit_restarts(&f->a.m, counts, &f->err);
	with_systemctl(f, "Id=a.service\nNRestarts=many\n\nNRestarts=9\n\nId=b.service\n");
	int again = unit_restarts(&f->a.m, counts, &f->err);
	setenv("PATH", old, 1);
	assert_works(r, f);
	assert_works(again, f);
	_cleanup_free_ char *asked = fix_file(f, "asked");
	assert_string_equal(asked, "show --property=Id --property=NRestarts w.service a.service b.service\n");
	assert_int_equal(counts[0], 1);
	assert_int_equal(counts[1], 6);
	assert_int_equal(counts[2], 42);
}

/* A watch that is started again goes on counting where the other one was. */
static void restarts_stay(void **state)
{
	struct fix *f = *state;
	__attribute__((unused)) _cleanup_fd_ int fd = with_port(f, false);
	struct health_entry v[3] = {{.state = HEALTH_HEALTHY, .restarts = 3, .unit_restarts = 2}};
	struct health_table t = {.v = v, .n = 3, .beat_ms = agent_ms()}, read;
	assert_works(agent_private_dirs(&f->a, &f->err), f);
	assert_works(health_write(&f->a, &t, &f->err), f);
	health_read(&f->a, &read);
	assert_int_equal(read.v[0].unit_restarts, 2);
	assert_false(watch_count(&read.v[0], 2));
	assert_true(watch_count(&read.v[0], 3));
	assert_int_equal(read.v[0].restarts, 4);
	assert_works(health_write(&f->a, &read, &f->err), f);
	health_release(&read);
	_cleanup_json_ json_t *s = status_core(&f->a);
	const json_t *service = json_array_get(json_object_get(s, "services"), 0),
		     *c = json_array_get(json_object_get(service, "containers"), 0);
	assert_int_equal(json_integer_value(json_object_get(c, "restarts")), 4);
	assert_null(json_object_get(c, "unit_restarts"));
}

static void compare_golden(struct fix *f, const char *name, const char *got)
{
	_cleanup_free_ char *path = xasprintf("builder/tests/golden/agent/%s", name);
	if (getenv("KILN_UPDATE_GOLDEN"))
		assert_works(path_write(path, got, strlen(got), 0644, &f->err), f);
	_cleanup_free_ char *want = path_read(path, 1 << 20, NULL, &f->err);
	assert_non_null(want);
	assert_string_equal(got, want);
}

static void golden(void **state)
{
	struct fix *f = *state;
	fix_sample(f);
	_cleanup_strbuf_ struct strbuf nft = STRBUF_INIT;
	firewall_text(&f->a.m, &nft);
	compare_golden(f, "nft.conf", nft.s);
	strbuf_reset(&nft);
	firewall_refuse_text(&f->a.m, &nft);
	compare_golden(f, "nft-refuse.conf", nft.s);
}

static void refusals(void **state)
{
	struct fix *f = *state;
	fix_sample(f);
	_cleanup_json_ json_t *list = json_array();
	static const char listing[] = "{\"nftables\":[{\"metainfo\":{}},{\"set\":{\"name\":\"refused\",\"elem\":["
				      "{\"elem\":{\"val\":{\"concat\":[\"10.213.0.30\",\"10.213.0.20\",\"tcp\",5433]},"
				      "\"counter\":{\"packets\":3,\"bytes\":180}}},"
				      "{\"elem\":{\"val\":{\"concat\":[\"10.213.0.30\",\"10.213.0.1\",17,123]},"
				      "\"counter\":{\"packets\":1,\"bytes\":76}}},"
				      "{\"elem\":{\"val\":{\"concat\":[\"192.0.2.9\",\"10.213.0.10\",\"tcp\",8443]},"
				      "\"counter\":{\"packets\":2,\"bytes\":76}}},"
				      "{\"elem\":{\"val\":{\"concat\":[\"10.213.0.30\",\"10.213.0.10\",\"tcp\",1]},"
				      "\"counter\":{\"packets\":0,\"bytes\":0}}}]}}]}";
	assert_works(firewall_parse(&f->a.m, listing, list, &f->err), f);
	_cleanup_free_ char *text = json_compact(list);
	assert_string_equal(text,
		"[{\"from\":\"app\",\"packets\":3,\"port\":5433,\"protocol\":\"tcp\",\"to\":\"store-1\"},"
		"{\"from\":\"app\",\"packets\":1,\"port\":123,\"protocol\":\"udp\",\"to\":\"the machine\"},"
		"{\"from\":\"192.0.2.9\",\"packets\":2,\"port\":8443,\"protocol\":\"tcp\",\"to\":\"front\"}]");
	assert_int_equal(firewall_parse(&f->a.m, "nope", list, &f->err), -1);
}

static void subnets(void **state)
{
	struct fix *f = *state;
	uint32_t base;
	unsigned bits;
	assert_works(subnet_parse("10.9.8.0/21", &base, &bits, &f->err), f);
	assert_int_equal(base, 0x0a090800);
	assert_int_equal(bits, 21);
	assert_fails(subnet_parse("10.9.8.1/24", &base, &bits, &f->err), f,
		"subnet 10.9.8.1/24 has bits set beyond its prefix");
	static const char *const bad[] = {"", "10.0.0.0", "10.0.0/24", "10.0.0.0/30", "10.0.0.0/7", "10.0.0.0/x",
		"10.0.0.0.0.0.0.0.0.0/24", "fd00::/64"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_free_ char *want =
			xasprintf("subnet \"%s\" is not ADDRESS/PREFIX with a prefix of 8 to 29", bad[i]);
		assert_fails(subnet_parse(bad[i], &base, &bits, &f->err), f, want);
	}
}

/* Personalisation moves everything into another subnet, for all commands that follow. */
static void moved(void **state)
{
	struct fix *f = *state;
	fix_sample(f);
	put(f, "state/subnet", "172.30.4.0/22\n");
	assert_works(cmd_network(&f->a, 0, NULL, &f->err), f);
	_cleanup_free_ char *hosts = fix_file(f, "run/hosts");
	assert_string_equal(hosts,
		"127.0.0.1 localhost\n::1 localhost\n172.30.4.10 front app.kiln.internal kiln.internal\n"
		"172.30.4.20 store-1\n172.30.4.21 store-2\n172.30.4.30 app\n");
	_cleanup_free_ char *env = fix_file(f, "run/network.env"), *conf = xstrdup(f->a.conf),
			    *st = xstrdup(f->a.state), *run = xstrdup(f->a.run);
	assert_true(str_starts(env, "KILN_SUBNET=172.30.4.0/22\nKILN_GATEWAY=172.30.4.1\nKILN_DOMAIN=kiln.internal\n"));
	assert_true(
		str_ends(env, "KILN_IP_front=172.30.4.10\nKILN_IP_store_1=172.30.4.20\nKILN_IP_store_2=172.30.4.21\n"
			      "KILN_IP_app=172.30.4.30\n"));
	agent_release(&f->a);
	assert_works(agent_init(&f->a, conf, st, run, &f->err), f);
	assert_string_equal(machine_container(&f->a.m, "store-2")->address, "172.30.4.21");
	put(f, "state/subnet", "moon");
	assert_int_equal(cmd_network(&f->a, 0, NULL, &f->err), -1);
	err_release(&f->err);
	/* taken away again: the image's own */
	_cleanup_free_ char *file = path_join(f->dir, "state/subnet");
	unlink(file);
	assert_works(cmd_network(&f->a, 0, NULL, &f->err), f);
	_cleanup_free_ char *back = fix_file(f, "run/network.env");
	assert_true(str_starts(back, "KILN_SUBNET=10.213.0.0/24\n"));
}

static void overlaps(void **state)
{
	struct fix *f = *state;
	fix_sample(f);
	char routes[] = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
			"eth0\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
			"kiln0\t0000D50A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
			"eth0\t0000D40A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
			"eth1\t0000D50A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
			"eth2\t8000D50A\t00000000\t0001\t0\t0\t0\t80FFFFFF\t0\t0\t0\n";
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	assert_true(network_overlap(&f->a.m, routes, &b));
	assert_string_equal(b.s, "10.213.0.0/16 on eth1, 10.213.0.128/25 on eth2");
	char none[] = "Iface\tDestination\n";
	assert_false(network_overlap(&f->a.m, none, &b));
}

static void broken_files(void **state)
{
	struct fix *f = *state;
	static const char *const cases[][2] = {
		{"{\"kiln\":2}", "format 2, this program reads 1"},
		{"{\"kiln\":1,\"network\":{\"subnet\":\"10.0.0.0/"
		 "24\",\"bridge\":\"b\"},\"containers\":[{\"name\":\"a\",\"service\":\"s\","
		 "\"unit\":\"u\",\"address\":255}]}",
			"containers[0]: address 255 is outside of subnet 10.0.0.0/24"},
		{"{\"kiln\":1,\"network\":{\"subnet\":\"10.0.0.0/"
		 "24\",\"bridge\":\"b\"},\"containers\":[{\"name\":\"a\",\"service\":\"s\","
		 "\"unit\":\"u\",\"address\":9,\"health\":{\"kind\":\"ping\"}}]}",
			"containers[0]: a: health: unknown kind \"ping\""},
		{"{\"kiln\":1,\"network\":{\"subnet\":\"10.0.0.0/"
		 "24\",\"bridge\":\"b\"},\"containers\":[{\"name\":\"a\",\"service\":\"s\","
		 "\"unit\":\"u\",\"address\":9,\"health\":{\"kind\":\"tcp\"}}]}",
			"containers[0]: a: health: port missing or out of range"},
		{"{\"kiln\":1,\"network\":{\"subnet\":\"10.0.0.0/"
		 "24\",\"bridge\":\"b\"},\"flows\":[{\"from\":\"a\",\"to\":\"b\"}]}",
			"flows[0]: from: no container \"a\""},
	};
	_cleanup_free_ char *conf = path_join(f->dir, "m.json");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct machine m;
		_cleanup_free_ char *want = xasprintf("%s: %s", conf, cases[i][1]);
		put(f, "m.json", cases[i][0]);
		assert_fails(machine_load(&m, conf, NULL, &f->err), f, want);
		machine_release(&m);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fix_setup, fix_teardown)
int main(void)
{
	patience_source("/nonexistent"); /* the load of the machine that tests is none of theirs */
	const struct CMUnitTest tests[] = {cmocka_unit_test(judgement), cmocka_unit_test(backoff),
		cmocka_unit_test(restarts_of_both), TEST(restarts_of_systemd), TEST(restarts_stay), TEST(waiting),
		TEST(waiting_for_the_dead), TEST(reasons), TEST(states), cmocka_unit_test(news), TEST(golden),
		TEST(refusals), TEST(subnets), TEST(moved), TEST(overlaps), TEST(broken_files)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
