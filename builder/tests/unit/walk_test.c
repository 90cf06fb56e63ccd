/* Stacks of directories against what overlayfs shows of them: listings, written by hand from the kernel's rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/path.h"
#include "scratch.h"
#include "tree/walk.h"
#include "treefix.h"
#include <cmocka.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

#define EPOCH 2000000000

/* What one test walks, and how. */
struct listing {
	void (*make)(void);
	const char *layers[6];
	size_t own, plain;
	bool normalise, meta; /* meta: owners and times too */
	FILE *out;
};

static int list_node(const struct node *n, void *arg, struct err *err)
{
	struct listing *l = arg;
	(void)err;
	fprintf(l->out, "%c %s", "fdlcbpw"[n->kind], *n -> path ? n -> path : ".");
	if (l->meta)
		fprintf(l->out, " %o %u:%u %llu", n->mode, n->uid, n->gid, (unsigned long long)n->mtime);
	if (n->opaque)
		fputs(" opaque", l->out);
	if (n->target)
		fprintf(l->out, " -> %s", n->target);
	if (n->hardlink)
		fprintf(l->out, " = %s", n->hardlink);
	for (size_t i = 0; i < n->n_xattrs; i++)
		fprintf(l->out, " %s[%zu]", n->xattrs[i].name, n->xattrs[i].len);
	if (n->fd >= 0 && n->size) {
		char text[64];
		ssize_t got = read(n->fd, text, sizeof text - 1);
		fprintf(l->out, " \"%.*s\"", (int)got, text);
	}
	fputc('\n', l->out);
	return 0;
}

static int list_in_namespace(void *arg, struct err *err)
{
	struct listing *l = arg;
	const char *layers[ARRAY_SIZE(l->layers)] = {0};
	fix_root(dir);
	l->make();
	for (size_t i = 0; l->layers[i]; i++)
		layers[i] = path_join(dir, l->layers[i]);
	struct walk_opts o = {
		.layers = layers, .own = l->own, .plain = l->plain, .normalise = l->normalise, .epoch = EPOCH};
	_cleanup_free_ char *out = path_join(dir, "listing");
	l->out = fopen(out, "w");
	int r = walk_stack(&o, list_node, l, err);
	fclose(l->out);
	for (size_t i = 0; layers[i]; i++)
		free((char *)layers[i]);
	return r;
}

static void expect(struct listing *l, const char *want)
{
	struct err e = ERR_INIT;
	if (ns_call(list_in_namespace, l, &e))
		fail_msg("%s", e.msg);
	_cleanup_free_ char *path = path_join(dir, "listing");
	_cleanup_free_ char *got = path_read(path, 1 << 20, NULL, &e);
	assert_non_null(got);
	assert_string_equal(got, want);
}

/* The message ends in `want`; what is before it is the scratch directory. */
static void expect_error(struct listing *l, enum err_kind kind, const char *want)
{
	_cleanup_err_ struct err e = ERR_INIT;
	assert_int_equal(ns_call(list_in_namespace, l, &e), -1);
	assert_int_equal(e.kind, kind);
	size_t n = strlen(dir);
	assert_string_equal(strncmp(e.msg, dir, n) ? e.msg : e.msg + n, want);
}

static void make_merge(void)
{
	fix_file("l/a/low", "l", 0644, 0, 0);
	fix_file("l/a/both", "lower", 0644, 0, 0);
	fix_file("l/b", "b", 0644, 0, 0);
	fix_file("u/a/both", "upper", 0644, 0, 0);
	fix_file("u/a/up", "u", 0644, 0, 0);
	fix_symlink("u/z", "a/up");
	fix_file("u/B", "", 0644, 0, 0);
}

static void merges_and_sorts_by_bytes(void **state)
{
	(void)state;
	struct listing l = {.make = make_merge, .layers = {"u", "l"}};
	expect(&l, "d .\n"
		   "f B\n"
		   "d a\n"
		   "f a/both \"upper\"\n"
		   "f a/low \"l\"\n"
		   "f a/up \"u\"\n"
		   "f b \"b\"\n"
		   "l z -> a/up\n");
}

/* The tree is {u, l}, its parent {pu, pl}. */
static void make_diff(void)
{
	fix_file("pl/dir/in-parent", "p", 0644, 0, 0);
	fix_file("pl/dir/twice", "p", 0644, 0, 0);
	fix_file("pl/gone-file", "p", 0644, 0, 0);
	fix_file("pl/gone-dir/deep/f", "p", 0644, 0, 0);
	fix_file("pl/gone-already", "p", 0644, 0, 0);
	fix_whiteout("pu/gone-already");
	fix_file("pl/opaque/hidden", "p", 0644, 0, 0);
	fix_file("pl/file-to-dir", "p", 0644, 0, 0);
	fix_file("pl/dir-to-file/f", "p", 0644, 0, 0);
	fix_file("pl/dir-to-link/f", "p", 0644, 0, 0);
	fix_file("pl/twice-dir/f", "p", 0644, 0, 0);
	fix_whiteout("u/gone-file");
	fix_whiteout("u/gone-dir");
	fix_whiteout("u/gone-already"); /* the parent hides it itself */
	fix_whiteout("u/never");
	fix_whiteout("u/dir/in-parent");
	fix_whiteout("u/dir/own"); /* hides the tree's own lower only */
	fix_file("l/dir/own", "l", 0644, 0, 0);
	fix_whiteout("u/dir/twice"); /* hides both */
	fix_file("l/dir/twice", "l", 0644, 0, 0);
	fix_dir("u/opaque", 0755, 0, 0);
	fix_opaque("u/opaque");
	fix_file("u/opaque/new", "n", 0644, 0, 0);
	fix_whiteout("u/opaque/hidden"); /* nothing below to hide any more */
	fix_dir("u/opaque-alone", 0755, 0, 0);
	fix_opaque("u/opaque-alone");
	fix_file("u/file-to-dir/f", "f", 0644, 0, 0);
	fix_file("u/dir-to-file", "f", 0644, 0, 0);
	fix_symlink("u/dir-to-link", "dir");
	fix_dir("u/twice-dir", 0755, 0, 0); /* over a file over a directory: the file cuts the merge */
	fix_file("l/twice-dir", "l", 0644, 0, 0);
}

static void difference_to_the_parent(void **state)
{
	(void)state;
	struct listing l = {.make = make_diff, .layers = {"u", "l", "pu", "pl"}, .own = 2};
	expect(&l, "d .\n"
		   "d dir\n"
		   "w dir/in-parent\n"
		   "w dir/twice\n"
		   "f dir-to-file \"f\"\n"
		   "l dir-to-link -> dir\n"
		   "d file-to-dir\n"
		   "f file-to-dir/f \"f\"\n"
		   "w gone-dir\n"
		   "w gone-file\n"
		   "d opaque opaque\n"
		   "f opaque/new \"n\"\n"
		   "d opaque-alone\n"
		   "d twice-dir opaque\n");
}

/* The whole stack, as an image's root has it: no marks are left, what they hide is not there. */
static void whole_view(void **state)
{
	(void)state;
	struct listing l = {.make = make_diff, .layers = {"u", "l", "pu", "pl"}};
	expect(&l, "d .\n"
		   "d dir\n"
		   "f dir-to-file \"f\"\n"
		   "l dir-to-link -> dir\n"
		   "d file-to-dir\n"
		   "f file-to-dir/f \"f\"\n"
		   "d opaque\n"
		   "f opaque/new \"n\"\n"
		   "d opaque-alone\n"
		   "d twice-dir\n");
}

/* The kernel's own view of the same stack; hidden link counts and all. */
static int mount_overlay(void *arg, struct err *err)
{
	struct listing *l = arg;
	_cleanup_free_ char *options = xasprintf("userxattr,lowerdir=%s/u:%s/l:%s/pu:%s/pl", dir, dir, dir, dir);
	_cleanup_free_ char *at = path_join(dir, "m");
	if (mkdir(at, 0755) || mount("overlay", at, "overlay", 0, options))
		return err_sys(err, errno, "mount");
	int r = list_in_namespace(l, err);
	umount(at);
	return r;
}

static void make_nothing(void)
{
}

static void as_the_kernel_sees_it(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	struct listing ours = {.make = make_diff, .layers = {"u", "l", "pu", "pl"}, .meta = true},
		       kernels = {.make = make_nothing, .layers = {"m"}, .meta = true};
	_cleanup_free_ char *path = path_join(dir, "listing");
	if (ns_call(list_in_namespace, &ours, &e))
		fail_msg("%s", e.msg);
	_cleanup_free_ char *want = path_read(path, 1 << 20, NULL, &e);
	if (ns_call(mount_overlay, &kernels, &e))
		fail_msg("%s", e.msg);
	_cleanup_free_ char *got = path_read(path, 1 << 20, NULL, &e);
	assert_non_null(want);
	assert_string_equal(got, want);
}

static void make_links(void)
{
	fix_file("l/a/one", "x", 0644, 0, 0);
	fix_link("l/a/one", "l/a/two");
	fix_link("l/a/one", "l/b");
	fix_link("l/a/one", "cache"); /* a link from elsewhere makes no link here */
	fix_file("l/c", "c", 0644, 0, 0);
	fix_link("l/c", "cache2");
	fix_file("u/a/two", "copied up", 0644, 0, 0);
	fix_link("u/a/two", "u/y");
}

static void hard_links(void **state)
{
	(void)state;
	struct listing l = {.make = make_links, .layers = {"u", "l"}};
	expect(&l, "d .\n"
		   "d a\n"
		   "f a/one \"x\"\n"
		   "f a/two \"copied up\"\n"
		   "f b = a/one\n"
		   "f c \"c\"\n"
		   "f y = a/two\n");
}

static void make_meta(void)
{
	fix_dir("l/d", 02775, 1000, 1001);
	fix_dir("l/tmp", 01777, 0, 0);
	fix_file("l/su", "s", 04755, 0, 65534);
	fix_file("l/caps", "c", 0755, 65535, 5);
	fix_caps("l/caps");
	fix_xattr("l/caps", "user.b", "12", 2);
	fix_xattr("l/caps", "user.a", "1", 1);
	fix_xattr("l/caps", "user.overlay.origin", "1", 1);
	fix_file("l/old", "", 0644, 0, 0);
	fix_file("l/future", "", 0644, 0, 0);
	fix_time("l/old", 1234567890);
	fix_time("l/future", EPOCH + 1);
	fix_time("l/su", -5);
	fix_time("l/caps", EPOCH);
	fix_time("l/d", 1);
	fix_time("l/tmp", 2);
	FIX_PATH("l/fifo");
	FIX_TRY(mkfifo(path_, 0622));
	FIX_TRY(chmod(path_, 0622));
	fix_time("l/fifo", 9);
	fix_symlink("l/link", "nowhere");
	fix_time("l/link", 7);
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	snprintf(sun.sun_path, sizeof sun.sun_path, "%.80s/l/sock", fix_base);
	FIX_TRY(bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&sun, sizeof sun)); /* left out */
	fix_time("l", 3);
}

static void owners_modes_times_attributes(void **state)
{
	(void)state;
	struct listing l = {.make = make_meta, .layers = {"l"}, .meta = true};
	expect(&l, "d . 755 0:0 3\n"
		   "f caps 755 65535:5 2000000000 security.capability[20] user.a[1] user.b[2] \"c\"\n"
		   "d d 2775 1000:1001 1\n"
		   "p fifo 622 0:0 9\n"
		   "f future 644 0:0 2000000000\n"
		   "l link 777 0:0 7 -> nowhere\n"
		   "f old 644 0:0 1234567890\n"
		   "f su 4755 0:65534 0 \"s\"\n"
		   "d tmp 1777 0:0 2\n");
}

static void make_plain(void)
{
	fix_file("o/etc/conf", "c", 0600, 3, 4);
	fix_file("o/etc/run", "r", 0700, 0, 0);
	fix_dir("o/new", 0700, 9, 9);
	fix_dir("o/root", 0755, 0, 0);
	fix_dir("l/root", 0700, 1, 2);
	fix_dir("l/etc", 0755, 0, 0);
	fix_time("l/root", 4);
	fix_time("l/etc", 5);
	fix_time("l", 6);
}

/* A directory on top only leads to files: /root keeps its mode. */
static void plain_layer(void **state)
{
	(void)state;
	struct listing l = {.make = make_plain, .layers = {"o", "l"}, .plain = 1, .meta = true};
	expect(&l, "d . 755 0:0 6\n"
		   "d etc 755 0:0 5\n"
		   "f etc/conf 600 3:4 2000000000 \"c\"\n"
		   "f etc/run 700 0:0 2000000000 \"r\"\n"
		   "d new 755 0:0 2000000000\n"
		   "d root 700 1:2 4\n");
}

static void normalised_layer(void **state)
{
	(void)state;
	struct listing l = {.make = make_plain, .layers = {"o"}, .plain = 1, .normalise = true, .meta = true};
	expect(&l, "d . 755 0:0 2000000000\n"
		   "d etc 755 0:0 2000000000\n"
		   "f etc/conf 644 0:0 2000000000 \"c\"\n"
		   "f etc/run 755 0:0 2000000000 \"r\"\n"
		   "d new 755 0:0 2000000000\n"
		   "d root 755 0:0 2000000000\n");
}

static void make_forged(void)
{
	fix_file("l/usr/.wh.bin", "", 0644, 0, 0);
}
static void make_redirect(void)
{
	fix_dir("l/moved", 0755, 0, 0);
	fix_xattr("l/moved", "user.overlay.redirect", "/from", 5);
}
static void make_metacopy(void)
{
	fix_file("l/f", "", 0644, 0, 0);
	fix_xattr("l/f", "user.overlay.metacopy", "", 0);
}
static void make_equals(void)
{
	fix_file("l/f", "", 0644, 0, 0);
	fix_xattr("l/f", "user.a=b", "c", 1);
}

static void refusals(void **state)
{
	(void)state;
	struct listing forged = {.make = make_forged, .layers = {"l"}};
	expect_error(&forged, ERR_VERIFY, "usr/.wh.bin: an image layer cannot hold a name that begins with .wh.");
	struct listing missing = {.make = make_plain, .layers = {"l", "none"}};
	expect_error(&missing, ERR_IO, "/none: No such file or directory");
}

static void make_over_link(void)
{
	fix_file("o/lib/x", "", 0644, 0, 0);
	fix_symlink("l/lib", "usr/lib");
}

/* /lib would stop being a link to usr/lib. */
static void refuses_directory_over_link(void **state)
{
	(void)state;
	struct listing l = {.make = make_over_link, .layers = {"o", "l"}, .plain = 1};
	expect_error(&l, ERR_CONFIG, "lib: a file goes below it, but it is no directory in the tree");
}

static void refuses_redirect(void **state)
{
	(void)state;
	struct listing l = {.make = make_redirect, .layers = {"l"}};
	expect_error(&l, ERR_VERIFY,
		"/l/moved: attribute user.overlay.redirect: a moved directory cannot be read without a mount");
}

static void refuses_metacopy(void **state)
{
	(void)state;
	struct listing l = {.make = make_metacopy, .layers = {"l"}};
	expect_error(&l, ERR_VERIFY, "f: attribute user.overlay.metacopy: the content is in another layer");
}

static void refuses_equals(void **state)
{
	(void)state;
	struct listing l = {.make = make_equals, .layers = {"l"}};
	expect_error(&l, ERR_VERIFY, "f: attribute user.a=b: no archive can hold a name with =");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(merges_and_sorts_by_bytes),
		TEST(difference_to_the_parent),
		TEST(whole_view),
		TEST(as_the_kernel_sees_it),
		TEST(hard_links),
		TEST(owners_modes_times_attributes),
		TEST(plain_layer),
		TEST(normalised_layer),
		TEST(refusals),
		TEST(refuses_directory_over_link),
		TEST(refuses_redirect),
		TEST(refuses_metacopy),
		TEST(refuses_equals),
	};
	return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
