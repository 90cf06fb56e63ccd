/* Images derived from others: layers unpacked over one another, users found, files placed, config and manifest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "oci/derived.h"
#include "oci/manifest.h"
#include "oci/unpack.h"
#include "scratch.h"
#include "steps/upstream.h"
#include "stream.h"
#include "tree/change.h"
#include "tree/identity.h"
#include "upstreamfix.h"
#include <errno.h>
#include <sys/stat.h>

#define EPOCH 1700000000

static int setup(void **state)
{
	int r = scratch_setup(state);
	up_dir = dir;
	return r;
}

static void below(struct strbuf *t)
{
	static const unsigned char caps[20] = {1, 0, 0, 2, 0, 4};
	static const struct xattr cap[] = {{(char *)"security.capability", (void *)caps, sizeof caps}};

	up_lines(t, "d conf\nf conf/gone=x\nf conf/kept=x\nf serve/a=x\nf serve/deep/b=x\nf data/lib/x=x\nd extra\nf "
		    "extra/o=x\n"
		    "l libs -> pool/libs\nf pool/libs/so=so\nl out -> ../../..\nl host -> " CANARIES
		    "\nf same=x\nl alias -> extra\nl up -> ../..\nl file -> " CANARY
		    "\nd deep\nl deep/up -> ../../../canaries");
	up_member(t, &(struct tar_member){.name = "house", .type = '5', .mode = 02750, .uid = 7, .gid = 8, .mtime = 5},
		"");
	up_member(t,
		&(struct tar_member){
			.name = "cap", .type = '0', .mode = 04755, .size = 3, .xattrs = cap, .n_xattrs = 1},
		"cap");
	up_end(t);
}

/* Whiteouts of what is there and is not, below a link that the other layer has; marks; links before their target. */
static void above(struct strbuf *t)
{
	up_lines(t,
		"f conf/.wh.gone\nf never/.wh.there\nf out/.wh.canaries\nf out/.wh.canary\nf host/canary=mine\n"
		"f host/.wh..wh..opq\nf up/canary=mine\nf up/new=mine\nf file=mine\nf deep/up/.wh.canary\n"
		"f deep/up/.wh..wh..opq\nf serve/new=n\nf serve/.wh..wh..opq\nf .wh.data\nf data/new=v\n"
		"f extra=file\nf same=again\nf house/user/f=f\nf libs/mine=m\nh early -> late\nf late=late\np fifo");
	up_member(
		t, &(struct tar_member){.name = "devices/null", .type = '3', .mode = 0666, .major = 1, .minor = 3}, "");
	up_end(t);
}

static void bare(struct strbuf *t)
{
	up_lines(t, "d conf\nf conf/only=x\nf .wh..wh..opq");
	up_end(t);
}

static void make_layer(struct up_layer *l, void (*fill)(struct strbuf *t))
{
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT;
	struct err e = ERR_INIT;

	fill(&tar);
	up_blob(l, &tar, &tar);
	if (upstream_index(&l->l, &e))
		fail_msg("%s", e.msg);
}

struct unpacking {
	const struct up_layer *layers;
	size_t n;
	const char *to;
};

static int unpack_all(void *arg, struct err *err)
{
	const struct unpacking *u = arg;

	if (mkdir(u->to, 0755) < 0)
		return err_sys(err, errno, "%s", u->to);
	for (size_t i = 0; i < u->n; i++)
		if (upstream_unpack(&u->layers[i].l, u->to, EPOCH, err))
			return -1;
	return 0;
}

static const char *listed;
static int list_node(const struct node *n, void *arg, struct err *err)
{
	return tar_node(arg, "", n, TAR_OVERLAY, err);
}
static int list_tree(struct tar_out *t, struct err *err)
{
	const char *layers[] = {listed, NULL};

	return walk_stack(&(struct walk_opts){.layers = layers, .epoch = EPOCH}, list_node, t, err);
}

static void unpacked_layers_are_what_containers_see(void **state)
{
	struct up_layer l[3] = {0};
	struct unpacking two = {l, 2, scratch_path("two")}, three = {l, 3, scratch_path("three")};
	_cleanup_err_ struct err e = ERR_INIT;

	(void)state;
	make_layer(&l[0], below);
	make_layer(&l[1], above);
	make_layer(&l[2], bare);
	if (ns_call(unpack_all, &two, &e) || ns_call(unpack_all, &three, &e))
		fail_msg("%s", e.msg);
	listed = two.to;
	stream_golden(list_tree, scratch_path("two.tar"), "unpacked.txt");
	listed = three.to;
	assert_int_equal(stream_make(list_tree, scratch_path("three.tar"), &e), 0);
	_cleanup_free_ char *text = stream_list(scratch_path("three.tar"));
	assert_int_equal(strncmp(text, "040755 0:0 0 conf/\n100644 0:0 0 1 conf/only\n    x\nsha256 ", 56), 0);
	for (size_t i = 0; i < 3; i++)
		up_layer_release(&l[i]);
}

static void far_owner(struct strbuf *t)
{
	up_member(t, &(struct tar_member){.name = "far", .type = '0', .mode = 0644, .uid = 65536}, "");
	up_end(t);
}

static void what_cannot_be_unpacked_is_refused(void **state)
{
	struct up_layer l = {0};
	struct unpacking u = {&l, 1, scratch_path("far")};
	_cleanup_err_ struct err e = ERR_INIT, changed = ERR_INIT;

	(void)state;
	make_layer(&l, far_owner);
	assert_int_equal(ns_call(unpack_all, &u, &e), -1);
	assert_non_null(
		strstr(e.msg, ": member \"far\": its owner 65536:0 is not within 0 to 65535, the users of a build"));
	assert_string_equal(e.hint, "the image can be run as it is, but nothing can be derived from it");
	/* A blob that is no longer that of its index. */
	assert_int_equal(truncate(l.path, 1024), 0);
	u.to = scratch_path("cut");
	assert_int_equal(ns_call(unpack_all, &u, &changed), -1);
	assert_non_null(strstr(changed.msg, ": the blob has 1024 bytes, but the manifest has 1536"));
	up_layer_release(&l);
}

struct who {
	const char *user, *expect;
};

static int find_all(void *arg, struct err *err)
{
	for (const struct who *w = arg; w->user; w++) {
		_cleanup_err_ struct err e = ERR_INIT;
		_cleanup_strbuf_ struct strbuf got = STRBUF_INIT;
		struct identity i;
		if (identity_find(w->user, &i, &e) < 0)
			strbuf_adds(&got, e.msg);
		else
			strbuf_addf(&got, "%u:%u", (unsigned)i.uid, (unsigned)i.gid);
		for (size_t k = 0; k < i.n_groups; k++)
			strbuf_addf(&got, " %u", (unsigned)i.groups[k]);
		if (i.home)
			strbuf_addf(&got, " %s", i.home);
		identity_release(&i);
		if (!str_eq(got.s, w->expect))
			return err_set(err, ERR_TEST, "%s: %s", w->user, got.s);
	}
	return 0;
}

static void users_of_a_tree(void **state)
{
	static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:7:an app:/opt/app:/bin/sh\n"
				     "bare::9:\nbroken:x:y:0::/:\nlarge:x:70000:0::/:\n";
	static const char group[] = "root:x:0:\nweb:x:33:other,app\nmine:x:34:app\nbroken\n";
	struct who all[] = {{"", "0:0 /root"}, {"0", "0:0 /root"}, {"app", "1000:7 33 34 /opt/app"},
		{"1000", "1000:7 33 34 /opt/app"}, {"app:web", "1000:33 /opt/app"}, {"app:5", "1000:5 /opt/app"},
		{"77", "77:0 /"}, {"77:mine", "77:34 /"}, {"nobody", "the image has no user \"nobody\""},
		{"app:nogroup", "the image has no group \"nogroup\" /opt/app"},
		{"bare", "the image's user \"bare\" has no number within 0 to 65535"},
		{"broken", "the image has no user \"broken\""}, {"large", "the image has no user \"large\""},
		{"70000", "the image has no user \"70000\""}, {NULL, NULL}};
	struct who none[] = {{"", "0:0 /"}, {"5:6", "5:6 /"}, {"app", "the image has no user \"app\""}, {NULL, NULL}};
	struct who fifo[] = {{"0", "/etc/passwd is no regular file"}, {NULL, NULL}};
	_cleanup_err_ struct err e = ERR_INIT;
	const char *etc = scratch_path("tree/etc"), *file = scratch_path("tree/etc/passwd");
	struct ns_opts o = {.root = {.lowers = (const char *[]){scratch_path("tree"), NULL}}};

	(void)state;
	assert_int_equal(path_mkdirs(etc, &e), 0);
	if (ns_call_in(&o, find_all, none, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(path_write(file, passwd, strlen(passwd), 0644, &e), 0);
	assert_int_equal(path_write(scratch_path("tree/etc/group"), group, strlen(group), 0644, &e), 0);
	if (ns_call_in(&o, find_all, all, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(unlink(file) | mkfifo(file, 0644), 0);
	if (ns_call_in(&o, find_all, fifo, &e))
		fail_msg("%s", e.msg);
}

static void placed_files_are_a_layer(void **state)
{
	struct file_spec v[] = {
		{.path = "/extra/made/here/text", .text = "t", .owner = "3", .group = "4", .mode = 0600},
		{.path = "/extra/o", .text = "other"}};
	struct file_list files = {v, ARRAY_SIZE(v)};
	struct change_job job = {
		.base = scratch_path("base"), .dir = scratch_path("job"), .files = &files, .epoch = EPOCH};
	struct up_layer l = {0};
	struct unpacking u = {&l, 1, job.base};
	_cleanup_err_ struct err e = ERR_INIT, link = ERR_INIT;

	(void)state;
	make_layer(&l, below);
	assert_int_equal(path_mkdirs(job.dir, &e), 0);
	if (ns_call(unpack_all, &u, &e) || change_tree(&job, &e))
		fail_msg("%s", e.msg);
	_cleanup_fd_ int fd = open(scratch_path("layer.tar"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (change_write(&job, fd, &e))
		fail_msg("%s", e.msg);
	_cleanup_free_ char *text = stream_list(scratch_path("layer.tar"));
	*strstr(text, "sha256") = '\0';
	assert_string_equal(text, "040755 0:0 1700000000 extra/\n"
				  "040755 0:0 1700000000 extra/made/\n"
				  "040755 0:0 1700000000 extra/made/here/\n"
				  "100600 3:4 1700000000 1 extra/made/here/text\n    t\n"
				  "100644 0:0 1700000000 5 extra/o\n    other\n");
	v[1].path = "/alias/x";
	job.dir = scratch_path("job2");
	assert_int_equal(path_mkdirs(job.dir, &e), 0);
	assert_int_equal(change_tree(&job, &link), -1);
	assert_string_equal(link.msg, "file /alias/x: /alias is a link in the image, to /extra");
	up_layer_release(&l);
}

static void config_and_manifest_are_those_of_the_image(void **state)
{
	struct up_layer l[2] = {0};
	struct up_layer *one = &l[0];
	struct up_image from = {0};
	struct upstream_image made;
	struct arena mem = {0};
	struct image_run run;
	_cleanup_err_ struct err e = ERR_INIT;

	(void)state;
	make_layer(&l[0], below);
	make_layer(&l[1], above);
	up_image(&from, "registry.example/x:1", &one, 1, "\"history\":[{\"created_by\":\"them\"}],");
	for (int docker = 0; docker < 2; docker++) {
		from.layers[0].media_type =
			docker ? TYPE_DOCKER_LAYER ".gzip" : "application/vnd.oci.image.layer.v1.tar";
		if (image_derive(&from.i, &l[1].l, "localhost/kiln/a/b:kiln", EPOCH, &mem, &made, &e) ||
			upstream_check(&made, &e))
			fail_msg("%s", e.msg);
		assert_int_equal(made.n_layers, 2);
		assert_null(made.index.data);
		assert_string_equal(made.layers[1].media_type,
			docker ? TYPE_DOCKER_LAYER : "application/vnd.oci.image.layer.v1.tar");
		assert_non_null(strstr(made.manifest.data, made.layers[1].media_type));
	}
	assert_non_null(strstr(made.config.data, "\"created\":\"2023-11-14T22:13:20Z\""));
	assert_non_null(strstr(made.config.data, "{\"created_by\":\"them\"},{\"created\":\"2023-11-14T22:13:20Z\""));
	/* What a config says of its programs; odd ones are as if they said nothing. */
	static const char config[] =
		"{\"config\":{\"User\":\"app\",\"WorkingDir\":\"\",\"Env\":[\"A=b\",7,\"PATH=/x\"]}}";
	struct upstream_image odd = {.reference = "x", .config = {.data = config, .len = strlen(config)}};
	assert_int_equal(image_run_read(&odd, &mem, &run, &e), 0);
	assert_string_equal(run.user, "app");
	assert_null(run.workdir);
	assert_string_equal(run.env[0], "A=b");
	assert_string_equal(run.env[1], "PATH=/x");
	assert_null(run.env[2]);
	odd.config = (struct upstream_blob){.data = "{\"config\":[]}", .len = 13};
	assert_int_equal(image_run_read(&odd, &mem, &run, &e), 0);
	assert_null(run.user);
	odd.config = (struct upstream_blob){.data = "[]", .len = 2};
	assert_int_equal(image_run_read(&odd, &mem, &run, &e), -1);
	assert_string_equal(e.msg, "image x: config: expected an object");
	arena_release(&mem);
	up_image_release(&from);
	up_layer_release(&l[0]);
	up_layer_release(&l[1]);
}

/* The key of the step of the one derived image there is, or the error. The caller frees it. */
static char *key_of(const char *arch, const struct derived_spec *spec, const char *config)
{
	struct container c = {
		.service = "a", .base = "b", .instance = 1, .upstream = "x", .image = "y", .derived = spec};
	struct appliance a = {.containers = {&c, 1}};
	struct lock_image image = {.name = "x", .source = "x", .pin.config.digest = config};
	struct lock l = {.arch = arch, .epoch = EPOCH, .images = {&image, 1}};
	struct graph g = {.cache = dir};
	struct upstreams u;
	_cleanup_err_ struct err e = ERR_INIT;
	char *text;

	if (upstreams_add(&g, &u, &a, &l, NULL, &e) < 0) {
		text = xasprintf("%s\nhint: %s", e.msg, e.hint);
	} else {
		assert_int_equal(u.n_plain, 0);
		assert_string_equal(u.derived[0].layer->name, "derived-a-b");
		text = xstrdup(u.derived[0].layer->key);
	}
	graph_release(&g);
	upstreams_release(&u);
	return text;
}

static struct str_list list_of(const char **v)
{
	struct str_list l = {.v = v};

	while (v[l.n])
		l.n++;
	return l;
}

static void keys_tell_what_is_asked(void **state)
{
	const struct str_list a = list_of((const char *[]){"a", NULL}), b = list_of((const char *[]){"b", NULL}),
			      ab = list_of((const char *[]){"a", "b", NULL});
	struct file_spec file = {.path = "/x", .text = "x"}, other = {.path = "/x", .text = "y"};
	const struct derived_spec all[] = {
		{.command = a, .keep = a},
		{.command = b, .keep = a},
		{.command = a, .keep = b},
		{.command = ab, .keep = a},
		{.command = a, .env = b, .keep = a},
		{.command = a, .user = "b", .keep = a},
		{.command = a, .keep = a, .files = {&file, 1}},
		{.command = a, .keep = a, .files = {&other, 1}},
	};
	_cleanup_strvec_ struct strvec keys = STRVEC_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		char *key = key_of("amd64", &all[i], "c");
		assert_int_equal(strlen(key), 64);
		assert_false(strvec_has(&keys, key));
		strvec_take(&keys, key);
	}
	_cleanup_free_ char *same = key_of("amd64", &all[0], "c"), *config = key_of("amd64", &all[0], "d");
	assert_string_equal(same, keys.v[0]);
	assert_string_not_equal(config, keys.v[0]);
	_cleanup_free_ char *foreign = key_of("s390x", &all[0], "c");
	assert_string_equal(foreign, "container b: the command in its image is for s390x and cannot be run here yet\n"
				     "hint: build on a machine of that architecture");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(unpacked_layers_are_what_containers_see, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_unpacked_is_refused, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(users_of_a_tree, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(placed_files_are_a_layer, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(keys_tell_what_is_asked, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(config_and_manifest_are_those_of_the_image, setup, scratch_teardown),
	};
	return cmocka_run_group_tests_name("derived images", tests, NULL, NULL);
}
