/* What the wiring writes for a small appliance: golden text, podman's own reading of it, and what it refuses. */
#include "base/path.h"
#include "base/proc.h"
#include "wire/text.h"
#include "wire/wire.h"
#include "wire_appliance.h"
#include <errno.h>
#include <setjmp.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define GOLDEN "builder/tests/golden/wire"
#define EPOCH 1763900000

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/srv:/bin/sh\nodd:x:33\nodder:x:y:z:\n";
static const char groups[] = "root:x:0:\nweb:x:34:\ntls:x:112:web\n";

static int user(void *arg, const struct container *c, const char *owner, const char *group, uint32_t *uid,
	uint32_t *gid, struct err *err)
{
	(void)arg, (void)c;
	return wire_find_user(passwd, groups, owner, group, uid, gid, err);
}

/* Everything belongs to whoever runs the test: an ordinary user may not give files away. */
static int own(void *arg, const struct container *c, const char *owner, const char *group, uint32_t *uid, uint32_t *gid,
	struct err *err)
{
	(void)arg, (void)c, (void)owner, (void)group, (void)err;
	*uid = geteuid(), *gid = getegid();
	return 0;
}

static const struct wire_facts facts = {.version = "1.2", .epoch = EPOCH, .user = user};

static int fill(void **state)
{
	(void)state;
	fixture_fill();
	return 0;
}

static int drop(void **state)
{
	(void)state;
	fixture_release();
	return 0;
}

/* Compare with a golden file; KILN_UPDATE_GOLDEN=1 makes it anew. */
static void golden(const char *name, const char *text)
{
	struct err err = ERR_INIT;
	_cleanup_free_ char *path = path_join(GOLDEN, name);
	if (getenv("KILN_UPDATE_GOLDEN"))
		assert_int_equal(path_write(path, text, strlen(text), 0644, &err), 0);
	_cleanup_free_ char *want = path_read(path, 1 << 20, NULL, &err);
	assert_non_null(want);
	assert_string_equal(text, want);
}

static void everything_is_as_it_was(void **state)
{
	struct err err = ERR_INIT;
	_cleanup_wire_ struct wire_files w = {0};
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	(void)state;
	assert_int_equal(wire_make(&fixture, &facts, &w, &err), 0);
	for (size_t i = 0; i < w.list.n; i++) {
		const struct wire_file *f = &w.list.v[i];
		if (f->target)
			strbuf_addf(&b, "==== %s -> %s\n", f->path, f->target);
		else
			strbuf_addf(&b, "==== %s %04o %u:%u\n%s", f->path, f->mode, f->uid, f->gid, f->data);
	}
	golden("small.txt", b.s);
}

/* ---- podman's generator, where the host has one that knows these keys ---- */

static char *quadlet(void)
{
	static const char *const places[] = {"/usr/libexec/podman/quadlet", "/usr/lib/podman/quadlet",
		"/usr/lib/systemd/system-generators/podman-system-generator"};
	const char *told = getenv("KILN_QUADLET");
	if (told)
		return xstrdup(told);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (access(places[i], X_OK) == 0)
			return xstrdup(places[i]);
	return NULL;
}

static void write_quadlets(const struct wire_files *w, const char *dir)
{
	struct err err = ERR_INIT;
	for (size_t i = 0; i < w->list.n; i++) {
		const struct wire_file *f = &w->list.v[i];
		if (!str_ends(f->path, ".container"))
			continue;
		_cleanup_free_ char *path = path_join(dir, path_base(f->path));
		assert_int_equal(path_write(path, f->data, f->len, 0644, &err), 0);
	}
}

static void generator_takes_it(void **state)
{
	struct err err = ERR_INIT;
	_cleanup_free_ char *program = quadlet();
	(void)state;
	if (!program) {
		print_message("no podman 5 on this host; KILN_QUADLET names its generator\n");
		skip();
	}
	_cleanup_wire_ struct wire_files w = {0};
	assert_int_equal(wire_make(&fixture, &facts, &w, &err), 0);
	_cleanup_free_ char *dir = path_tempdir("/tmp", "kiln-wire-", &err),
			    *env = xasprintf("QUADLET_UNIT_DIRS=%s", dir);
	write_quadlets(&w, dir);
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	const char *const argv[] = {program, "-dryrun", NULL}, *const environ_list[] = {
								       env, "PATH=/usr/bin:/bin", NULL};
	const struct proc_opts opts = {.env = environ_list, .capture = &out};
	int r = proc_run(argv, &opts, &err);
	path_remove(dir, &(struct err){0});
	assert_int_equal(r, 0);
	static const char *const wanted[] = {
		"---db-1.service---",
		"---db-2.service---",
		"---front.service---",
		" registry.example/front:1.2 httpd -f -p ${KILN_IP_front}:8080 ",
		" -r \"realm of ${KILN_DOMAIN}\"\n",
		" --env \"GREETING=it's 100%% \\\"good\\\": $$HOME $${x}\" ",
		" --ip=${KILN_IP_db_1} ",
		" --network-alias www.kiln.internal --network-alias db.kiln.internal ",
		" --publish 127.0.0.1:8082:8080/udp ",
		" --sysctl \"net.ipv4.ip_local_port_range=2000 65000\" ",
		"EnvironmentFile=/run/kiln/network.env\n",
	};
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (!strstr(out.s, wanted[i]))
			fail_msg("not in podman's answer: %s\n%s", wanted[i], out.s);
	assert_null(strstr(out.s, "network-online.target"));
	assert_null(strstr(out.s, "Requires="));
	assert_null(strstr(out.s, "BindsTo="));
}

/* ---- writing ---- */

static void written_whole(void **state)
{
	struct err err = ERR_INIT;
	struct wire_facts mine = facts;
	struct stat st;
	char target[64] = "";
	(void)state;
	mine.user = own;
	_cleanup_free_ char *dir = path_tempdir("/tmp", "kiln-wire-", &err), *out = path_join(dir, "out");
	/* Files that are root's are given away as well: only root may. */
	if (geteuid() != 0) {
		path_remove(dir, &err);
		print_message("needs root (in a build: root of the namespace)\n");
		skip();
	}
	assert_int_equal(wire_write(&fixture, &mine, out, &err), 0);
	_cleanup_free_ char *file = path_join(out, "usr/lib/kiln/files/front/etc/static.conf");
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0440);
	assert_int_equal(st.st_mtime, EPOCH);
	_cleanup_free_ char *text = path_read(file, 100, NULL, &err);
	assert_string_equal(text, "a = ${b}\n");
	_cleanup_free_ char *link =
		path_join(out, "usr/lib/systemd/system/multi-user.target.wants/kiln-provision@db.service");
	assert_true(readlink(link, target, sizeof target - 1) > 0);
	assert_string_equal(target, "../kiln-provision@.service");
	path_remove(dir, &err);
}

static void nothing_is_left(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT, ignored = ERR_INIT;
	struct wire_facts mine = facts;
	struct appliance a = fixture;
	struct container c = fixture_containers[0];
	struct file_spec lost = {.path = "/etc/x", .source = "/nowhere/at/all"};
	(void)state;
	mine.user = own;
	c.files.v = &lost, c.files.n = 1;
	a.containers.v = &c, a.containers.n = 1;
	a.provisions.n = a.services.n = 0;
	_cleanup_free_ char *dir = path_tempdir("/tmp", "kiln-wire-", &err), *out = path_join(dir, "out");
	assert_int_equal(wire_write(&a, &mine, out, &err), -1);
	assert_string_equal(err.msg, "/nowhere/at/all: No such file or directory");
	assert_false(path_exists(out));
	path_remove(dir, &ignored);
}

/* ---- refusals ---- */

static void refuse(const struct appliance *a, const char *text)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_wire_ struct wire_files w = {0};
	assert_int_equal(wire_make(a, &facts, &w, &err), -1);
	assert_string_equal(err.msg, text);
	assert_int_equal(err.kind, ERR_CONFIG);
}

/* The appliance with only its first container, which a test then spoils. */
static struct appliance alone(struct container *c)
{
	struct appliance a = fixture;
	*c = fixture_containers[0];
	a.containers.v = c, a.containers.n = 1;
	a.services.n = a.provisions.n = a.published.n = 0;
	return a;
}

static void commands_that_cannot_be_passed(void **state)
{
	struct container c;
	struct appliance a = alone(&c);
	(void)state;
	c.command = (struct str_list)LIST("x", "");
	refuse(&a, "container db-1: command: an empty argument cannot be passed to a container's command");
	c.command = (struct str_list)LIST(";");
	refuse(&a, "container db-1: command: a lone \";\" cannot be passed to a container's command");
	c.command = (struct str_list)LIST("--password=${secret:a/b}");
	refuse(&a, "container db-1: command: ${secret:a/b} cannot be used in a command line");
	c.command = (struct str_list)LIST("${fact:domain|upper}");
	refuse(&a, "container db-1: command: ${fact:domain|upper}: a filter cannot be used in a command line");
}

static void values_that_would_break_out(void **state)
{
	struct container c;
	struct appliance a = alone(&c);
	(void)state;
	c.user = "web\nPodmanArgs=--privileged";
	refuse(&a, "container db-1: User: \"web\nPodmanArgs=--privileged\" has a control character");
	c.user = "web\\";
	refuse(&a, "container db-1: User: \"web\\\" ends in a backslash");
	c.user = NULL;
	struct volume v = {"data", "/a:b", false};
	c.volumes.v = &v;
	refuse(&a, "container db-1: /a:b: a mounted path cannot contain \":\"");
}

static void owners_nobody_knows(void **state)
{
	struct container c;
	struct appliance a = alone(&c);
	struct file_spec f = {.path = "/etc/x", .text = "", .owner = "nobody"};
	(void)state;
	c.files.v = &f, c.files.n = 1;
	refuse(&a, "container db-1: /etc/x: no user \"nobody\" in the container's /etc/passwd");
	f.owner = "odd";
	refuse(&a, "container db-1: /etc/x: no user \"odd\" in the container's /etc/passwd");
	f.runtime = true, f.owner = "web", f.group = "odder";
	refuse(&a, "container db-1: /etc/x: no group \"odder\" in the container's /etc/group");
}

static void other_refusals(void **state)
{
	struct container c;
	struct appliance a = alone(&c);
	struct provision p = {.id = "a/b", .service = "db", .title = "x"};
	(void)state;
	a.provisions.v = &p, a.provisions.n = 1;
	refuse(&a, "provision \"a/b\" cannot be the name of a unit");
	a.provisions.n = 0;
	struct container twice[2] = {c, c};
	a.containers.v = twice, a.containers.n = 2;
	refuse(&a, "/usr/share/containers/systemd/db-1.container is defined twice");
}

static void users_and_groups(void **state)
{
	_cleanup_err_ struct err err = ERR_INIT;
	static const struct {
		const char *owner, *group;
		uint32_t uid, gid;
	} t[] = {{NULL, NULL, 0, 0}, {"web", NULL, 33, 34}, {"web", "tls", 33, 112}, {"1000", NULL, 1000, 1000},
		{"1000", "0", 1000, 0}, {NULL, "tls", 0, 112}};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		uint32_t uid, gid;
		assert_int_equal(wire_find_user(passwd, groups, t[i].owner, t[i].group, &uid, &gid, &err), 0);
		assert_int_equal(uid, t[i].uid);
		assert_int_equal(gid, t[i].gid);
	}
}

static void words_are_quoted(void **state)
{
	static const char *const t[][2] = {{"plain-1.0/x=y", "plain-1.0/x=y"}, {"a b", "\"a b\""},
		{"a\"b\\c", "\"a\\\"b\\\\c\""}, {"50%$x", "50%%$$x"}, {"line\nend\x01", "\"line\\nend\\x01\""},
		{"it's", "\"it's\""}, {"#x", "\"#x\""}, {"a;b", "\"a;b\""}};
	struct err err = ERR_INIT;
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
		assert_int_equal(unit_word(&b, t[i][0], &err), 0);
		assert_string_equal(b.s, t[i][1]);
	}
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, b = STRBUF_INIT;
	assert_int_equal(unit_text(&text, "100% for $5", &err), 0);
	assert_string_equal(text.s, "100%% for $5");
	assert_int_equal(unit_rt_word(&b, "$${a} ${address:db-1}:1 $5", &err), 0);
	assert_string_equal(b.s, "\"$${a} ${KILN_IP_db_1}:1 $$5\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_as_it_was),
		cmocka_unit_test(generator_takes_it),
		cmocka_unit_test(written_whole),
		cmocka_unit_test(nothing_is_left),
		cmocka_unit_test(commands_that_cannot_be_passed),
		cmocka_unit_test(values_that_would_break_out),
		cmocka_unit_test(owners_nobody_knows),
		cmocka_unit_test(other_refusals),
		cmocka_unit_test(users_and_groups),
		cmocka_unit_test(words_are_quoted),
	};
	return cmocka_run_group_tests(tests, fill, drop);
}
