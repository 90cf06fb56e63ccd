/*
 * A small appliance made by hand: a front door with two instances behind it, with at least one of everything that the
 * wiring writes. Images hold busybox as /bin/busybox.
 */
#pragma once
#include "plan/appliance.h"
#include <string.h>

#define LIST(...)                                                                                                      \
	{                                                                                                              \
		.v = (const char *[]){__VA_ARGS__, NULL}, .n = sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)  \
	}
#define HTTPD(port) LIST("/bin/busybox", "httpd", "-f", "-p", port, "-h", "/srv")

static const struct tree_spec fixture_tree = {.id = "image/db/db", .parent = "base"};

static struct kv fixture_env[] = {
	{"GREETING", "it's 100% \"good\": $HOME $${x}", false},
	{"DB_HOST", "${address:db-1}", false},
};
static struct kv fixture_secrets[] = {{"DB_PASSWORD", "${secret:front/db/password}", true}};
static struct file_spec fixture_front_files[] = {
	{.path = "/etc/static.conf", .text = "a = ${b}\n", .owner = "web", .mode = 0440},
	{.path = "/etc/front.conf", .text = "domain ${fact:domain}\n", .runtime = true},
	{.path = "/etc/key.pem", .text = "${cert:front/tls:key}", .runtime = true, .secret = true, .owner = "web"},
};
static struct kv fixture_sysctl[] = {{"net.ipv4.ip_local_port_range", "2000 65000", false}};
static struct kv fixture_ulimits[] = {{"nofile", "65536:65536", false}};
static struct volume fixture_volume_1[] = {{"db-data-1", "/var/lib/db", false}};
static struct volume fixture_volume_2[] = {{"db-data-2", "/var/lib/db", false}};
static struct host_mount fixture_host[] = {{"/proc", "/host/proc"}};

static struct container fixture_containers[] = {
	{
		.name = "db-1",
		.base = "db",
		.service = "db",
		.instance = 1,
		.instances = 2,
		.image = "localhost/kiln/db/db:kiln",
		.tree = &fixture_tree,
		.address = 11,
		.entrypoint = HTTPD("8008"),
		.volumes = {fixture_volume_1, 1},
		.health = {.kind = HEALTH_HTTP,
			.port = 8008,
			.path = "/health",
			.expect = {200},
			.interval_ms = 2000,
			.timeout_ms = 2000,
			.start_ms = 60000},
		.memory = 64 << 20,
		.stop_ms = 2000,
	},
	{
		.name = "db-2",
		.base = "db",
		.service = "db",
		.instance = 2,
		.instances = 2,
		.image = "localhost/kiln/db/db:kiln",
		.tree = &fixture_tree,
		.address = 12,
		.entrypoint = HTTPD("8008"),
		.volumes = {fixture_volume_2, 1},
		.health =
			{.kind = HEALTH_TCP, .port = 8008, .interval_ms = 2000, .timeout_ms = 2000, .start_ms = 60000},
		.memory = 64 << 20,
		.stop_ms = 2000,
	},
	{
		.name = "front",
		.base = "front",
		.service = "front",
		.instance = 1,
		.instances = 1,
		.image = "registry.example/front:1.2",
		.address = 10,
		.aliases = LIST("www.kiln.internal", "db.kiln.internal"),
		.entrypoint = HTTPD("${address:front}:8080"),
		.command = LIST("-r", "realm of ${fact:domain}"),
		.user = "web",
		.workdir = "/srv",
		.env = {fixture_env, 2},
		.secrets = {fixture_secrets, 1},
		.files = {fixture_front_files, 3},
		.host = {fixture_host, 1},
		.tmpfs = LIST("/scratch:size=16m"),
		.health = {.kind = HEALTH_EXEC,
			.exec = LIST("/bin/busybox", "true"),
			.interval_ms = 2000,
			.timeout_ms = 2000,
			.start_ms = 90500},
		.capabilities = LIST("NET_BIND_SERVICE", "CHOWN"),
		.sysctl = {fixture_sysctl, 1},
		.ulimits = {fixture_ulimits, 1},
		.after = LIST("db-1", "db-2"),
		.after_provision = LIST("front.db"),
		.reload = {.signal = "HUP"},
		.stop_ms = 2500,
		.writable_root = true,
	},
};
static struct egress fixture_egress[] = {
	{.to = "any", .port = 587, .protocol = "tcp", .containers = LIST("front")},
	{.to = "192.0.2.0/24", .port = 53, .protocol = "udp", .containers = LIST("front")},
};
static struct service fixture_services[] = {
	{.name = "db", .layer = "data", .summary = "A database", .first_container = 0, .n_containers = 2},
	{.name = "front",
		.layer = "edge",
		.summary = "The front door",
		.first_container = 2,
		.n_containers = 1,
		.egress = {fixture_egress, 2}},
};
static struct secret_spec fixture_secret_list[] = {
	{.id = "front/db/password", .kind = SECRET_BYTES, .bytes = 24, .encoding = "hex"},
	{.id = "front/tls", .kind = SECRET_CERT, .names = LIST("www.kiln.internal"), .containers = LIST("front")},
};
static struct provision fixture_provisions[] = {
	{.id = "db", .service = "db", .title = "A database", .containers = LIST("db-1", "db-2")},
	{.id = "front.db",
		.service = "db",
		.title = "front: database",
		.containers = LIST("db-1", "db-2"),
		.after = LIST("db")},
};
static struct flow fixture_flows[] = {
	{"front", "db-1", 8008, "tcp", "front.db"},
	{"db-1", "db-2", 0, "tcp", "own"},
};
static struct publish fixture_published[] = {
	{NULL, 22, 22, "tcp", "os", NULL},
	{NULL, 8081, 8080, "tcp", "front", "front"},
	{"127.0.0.1", 8082, 8080, "udp", "front", "front"},
};

static struct kv fixture_save_options[] = {{"target", "disk", false}, {"disk", "shelf", false}};
static struct saved fixture_saves[] = {
	{.id = "db.keep",
		.service = "db",
		.containers = LIST("db-1", "db-2"),
		.save = LIST("keep", "save"),
		.load = LIST("keep", "load", "${address:front}"),
		.restart = LIST("front"),
		.user = "web",
		.timeout_ms = 3600000},
};

static const struct appliance fixture = {
	.name = "small",
	.summary = "Made by hand",
	.arch = "amd64",
	.domain = "kiln.internal",
	.suite = "trixie",
	.subnet = "10.213.0.0/24",
	.ssh_keys = LIST("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDIhZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ someone"),
	.services = {fixture_services, 2},
	.containers = {fixture_containers, 3},
	.secrets = {fixture_secret_list, 2},
	.provisions = {fixture_provisions, 2},
	.flows = {fixture_flows, 2},
	.published = {fixture_published, ARRAY_SIZE(fixture_published)},
	.saves = {.service = "shelf", .options = {fixture_save_options, 2}, .v = fixture_saves, .n = 1},
};

/* Steps are JSON, which no initializer can hold: call this first; fixture_release at the end. */
static inline void fixture_fill(void)
{
	static const char file[] =
		"[{\"name\": \"page\", \"file\": {\"volume\": \"data\", \"in\": [\"db-1\", \"db-2\"],"
		" \"path\": \"page\", \"text\": \"hello\\n\", \"mode\": 420, \"owner\": \"web\"}}]";
	static const char exec[] =
		"[{\"name\": \"role\", \"exec\": {\"in\": [\"db-1\"], \"command\": [\"/bin/busybox\","
		" \"true\"]}, \"env\": {\"PASSWORD\": \"${secret:front/db/password}\"}}]";
	fixture_provisions[0].steps = json_loads(file, 0, NULL);
	fixture_provisions[1].steps = json_loads(exec, 0, NULL);
}
static inline void fixture_release(void)
{
	json_decref(fixture_provisions[0].steps);
	json_decref(fixture_provisions[1].steps);
}
