/* Secrets stay; certificates chain to the CA, are renewed in time, and survive odd clocks; rendering is in place. */
#include "agentfix.h"
#include "base/proc.h"
#include "target/agent/ca.h"
#include "target/agent/render.h"
#include "target/agent/secrets.h"
#include "target/agent/show.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#define EPOCH 1763900000
#define DAY 86400

static void make(struct fix *f)
{
	fix_sample(f);
	f->a.now = EPOCH + 10 * DAY;
	assert_works(cmd_secrets(&f->a, 0, NULL, &f->err), f);
}

static void encodings(void **state)
{
	struct fix *f = *state;
	static const struct {
		const char *name, *set;
		size_t len;
	} kinds[] = {
		{NULL, "0123456789abcdef", 48},
		{"hex", "0123456789abcdef", 48},
		{"base64", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=", 32},
		{"alnum", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 33},
	};
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_strbuf_ struct strbuf one = STRBUF_INIT, two = STRBUF_INIT;
		assert_works(secret_make(24, kinds[i].name, &one, &f->err), f);
		assert_works(secret_make(24, kinds[i].name, &two, &f->err), f);
		assert_int_equal(one.len, kinds[i].len);
		assert_int_equal(strspn(one.s, kinds[i].set), one.len);
		assert_string_not_equal(one.s, two.s);
	}
	_cleanup_strbuf_ struct strbuf no = STRBUF_INIT;
	assert_fails(secret_make(24, "rot13", &no, &f->err), f, "unknown encoding \"rot13\"");
	assert_fails(secret_make(4, "hex", &no, &f->err), f, "4 bytes: a secret has 8 to 1024");
}

static void never_replaced(void **state)
{
	struct fix *f = *state;
	static const char *const files[] = {"state/secrets/store/password", "state/secrets/app/key",
		"state/secrets/app/cookie", "state/secrets/front/tls/key.pem", "state/secrets/front/tls/cert.pem",
		"state/ca/key.pem", "state/ca/cert.pem"};
	char *before[ARRAY_SIZE(files)];
	make(f);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		before[i] = fix_file(f, files[i]);
	assert_works(cmd_secrets(&f->a, 0, NULL, &f->err), f);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *after = fix_file(f, files[i]);
		assert_string_equal(before[i], after);
		assert_int_equal(fix_mode(f, files[i]), str_ends(files[i], "cert.pem") ? 0644 : 0600);
		free(before[i]);
	}
	assert_int_equal(fix_mode(f, "state/secrets"), 0700);
	assert_int_equal(fix_mode(f, "state/ca"), 0700);
	/* One that is missing is made again, the others stay. */
	_cleanup_free_ char *path = path_join(f->dir, files[0]), *key = fix_file(f, files[1]);
	unlink(path);
	assert_works(cmd_secrets(&f->a, 0, NULL, &f->err), f);
	_cleanup_free_ char *again = fix_file(f, files[0]), *same = fix_file(f, files[1]);
	assert_int_equal(strlen(again), 48);
	assert_string_equal(key, same);
}

/* What openssl itself says, at a time of our choice. */
static int verify(struct fix *f, const char *name, time_t at)
{
	_cleanup_free_ char *ca = path_join(f->dir, "state/ca/cert.pem"),
			    *leaf = path_join(f->dir, "state/secrets/front/tls/cert.pem"),
			    *when = xasprintf("%lld", (long long)at);
	const char *const argv[] = {"openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-attime", when,
		"-verify_hostname", name, "-CAfile", ca, leaf, NULL};
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	int r = proc_run(argv, &(struct proc_opts){.capture = &out, .merge = true}, &f->err);
	err_release(&f->err);
	return r;
}

static void chain(void **state)
{
	struct fix *f = *state;
	make(f);
	assert_int_equal(verify(f, "kiln.internal", f->a.now), 0);
	assert_int_equal(verify(f, "auth.kiln.internal", f->a.now), 0);
	assert_int_equal(verify(f, "front", f->a.now), 0);
	assert_int_equal(verify(f, "other.example", f->a.now), -1);
	assert_int_equal(verify(f, "kiln.internal", f->a.now + (LEAF_DAYS + 1) * DAY), -1);
	_cleanup_free_ char *names = fix_file(f, "state/secrets/front/tls/names");
	assert_string_equal(names, "DNS:kiln.internal,DNS:*.kiln.internal,DNS:front,IP:10.213.0.10");
}

static int64_t days(struct fix *f, const char *file)
{
	int64_t n = 0;
	_cleanup_free_ char *path = path_join(f->dir, file);
	assert_works(ca_days_left(path, agent_time(&f->a), &n, &f->err), f);
	return n;
}

static void renewal(void **state)
{
	struct fix *f = *state;
	make(f);
	const struct secret *s = machine_secret(&f->a.m, "front/tls");
	_cleanup_free_ char *key = fix_file(f, "state/secrets/front/tls/key.pem");
	assert_int_equal(days(f, "state/secrets/front/tls/cert.pem"), LEAF_DAYS);
	f->a.now += 59 * DAY; /* 31 of 91 are left */
	assert_int_equal(ca_leaf_ensure(&f->a, s, &f->err), 0);
	f->a.now += DAY;
	assert_int_equal(days(f, "state/secrets/front/tls/cert.pem"), LEAF_DAYS - 60);
	assert_int_equal(ca_leaf_ensure(&f->a, s, &f->err), 1);
	assert_int_equal(days(f, "state/secrets/front/tls/cert.pem"), LEAF_DAYS);
	assert_int_equal(ca_leaf_ensure(&f->a, s, &f->err), 0);
	assert_int_equal(verify(f, "kiln.internal", f->a.now), 0);
	_cleanup_free_ char *same = fix_file(f, "state/secrets/front/tls/key.pem");
	assert_string_equal(key, same);
	/* long after its end, too */
	f->a.now += 400 * DAY;
	assert_true(days(f, "state/secrets/front/tls/cert.pem") < 0);
	assert_int_equal(ca_leaf_ensure(&f->a, s, &f->err), 1);
	assert_int_equal(verify(f, "kiln.internal", f->a.now), 0);
	assert_int_equal(days(f, "state/ca/cert.pem"), CA_YEARS * 365 - 470);
}

/* A clock of the year 2000 counts as the image's epoch; set right later, or gone back again, certificates follow. */
static void clocks(void **state)
{
	struct fix *f = *state;
	fix_sample(f);
	const struct secret *s = machine_secret(&f->a.m, "front/tls");
	f->a.now = 946684800;
	assert_int_equal(agent_time(&f->a), EPOCH);
	assert_works(cmd_secrets(&f->a, 0, NULL, &f->err), f);
	assert_int_equal(verify(f, "kiln.internal", EPOCH), 0);
	f->a.now = EPOCH + 365 * DAY;
	assert_int_equal(ca_leaf_ensure(&f->a, s, &f->err), 1);
	assert_int_equal(verify(f, "kiln.internal", f->a.now), 0);
	f->a.now = 946684800;
	assert_int_equal(ca_leaf_ensure(&f->a, s, &f->err), 1);
	assert_int_equal(verify(f, "kiln.internal", EPOCH), 0);
}

/* Another subnet means another address in the certificate. */
static void names_changed(void **state)
{
	struct fix *f = *state;
	make(f);
	_cleanup_free_ char *path = path_join(f->dir, "state/secrets/front/tls/names");
	assert_works(path_write(path, "DNS:old", 7, 0600, &f->err), f);
	assert_int_equal(ca_leaf_ensure(&f->a, machine_secret(&f->a.m, "front/tls"), &f->err), 1);
}

/* Power cuts: a key without its certificate, a certificate cut short. */
static void interrupted(void **state)
{
	struct fix *f = *state;
	make(f);
	_cleanup_free_ char *leaf = path_join(f->dir, "state/secrets/front/tls/cert.pem"),
			    *key = fix_file(f, "state/secrets/front/tls/key.pem");
	unlink(leaf);
	assert_works(cmd_secrets(&f->a, 0, NULL, &f->err), f);
	assert_int_equal(verify(f, "kiln.internal", f->a.now), 0);
	assert_int_equal(truncate(leaf, 100), 0);
	assert_works(cmd_secrets(&f->a, 0, NULL, &f->err), f);
	assert_int_equal(verify(f, "kiln.internal", f->a.now), 0);
	_cleanup_free_ char *same = fix_file(f, "state/secrets/front/tls/key.pem");
	assert_string_equal(key, same);
}

static void rendered(void **state)
{
	struct fix *f = *state;
	make(f);
	const struct container *front = machine_container(&f->a.m, "front");
	assert_int_equal(render_container(&f->a, front, &f->err), 3);
	assert_int_equal(render_container(&f->a, front, &f->err), 0);
	assert_int_equal(fix_mode(f, "run/files"), 0700);
	assert_int_equal(fix_mode(f, "run/env"), 0700);
	assert_int_equal(fix_mode(f, "run/files/front/etc/front/tls.pem"), 0400);
	assert_int_equal(fix_mode(f, "run/files/front/etc/front/users"), 0644);
	_cleanup_free_ char *password = fix_file(f, "state/secrets/store/password"),
			    *env = fix_file(f, "run/env/front");
	_cleanup_free_ char *want = xasprintf("PEER=10.213.0.20\nPASSWORD=%s\n", password);
	assert_string_equal(env, want);
}

static int trusted(struct fix *f, char **pem)
{
	size_t len;
	_cleanup_free_ char *path = path_join(f->dir, "run/ca.p12"), *der = path_read(path, 1 << 20, &len, &f->err);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	const unsigned char *p = (const unsigned char *)der;
	STACK_OF(X509) *list = NULL;
	PKCS12 *store = d2i_PKCS12(NULL, &p, (long)len);
	assert_non_null(store);
	assert_false(PKCS12_mac_present(store));
	assert_int_equal(PKCS12_parse(store, NULL, NULL, NULL, &list), 1);
	int n = sk_X509_num(list);
	BIO *bio = BIO_new(BIO_s_mem());
	for (int i = 0; i < n; i++)
		PEM_write_bio_X509(bio, sk_X509_value(list, i));
	char *data;
	long size = BIO_get_mem_data(bio, &data);
	*pem = xstrndup(data, (size_t)size);
	BIO_free(bio);
	sk_X509_pop_free(list, X509_free);
	PKCS12_free(store);
	return n;
}

/* The truststore holds what ca.crt holds, with the same bytes each time, and follows another CA in place. */
static void truststore(void **state)
{
	struct fix *f = *state;
	make(f);
	_cleanup_free_ char *ca_path = path_join(f->dir, "state/ca/cert.pem"), *was = NULL, *is = NULL;
	assert_int_equal(render_ca(&f->a, &f->err), 1);
	assert_int_equal(render_ca(&f->a, &f->err), 0);
	assert_int_equal(fix_mode(f, "run/ca.p12"), 0644);
	_cleanup_free_ char *crt = fix_file(f, "run/ca.crt"), *path = path_join(f->dir, "run/ca.p12");
	assert_int_equal(trusted(f, &was), 1);
	assert_string_equal(was, crt);
	_cleanup_fd_ int held = open(path, O_RDONLY | O_CLOEXEC);
	char before[4096], after[4096];
	ssize_t n = pread(held, before, sizeof before, 0);
	/* The CA's certificate is gone: a new one by the same key, that begins later. */
	f->a.m.epoch += DAY;
	unlink(ca_path);
	assert_works(cmd_secrets(&f->a, 0, NULL, &f->err), f);
	assert_int_equal(render_ca(&f->a, &f->err), 1);
	_cleanup_free_ char *new = fix_file(f, "run/ca.crt");
	assert_int_equal(trusted(f, &is), 1);
	assert_string_equal(is, new);
	assert_string_not_equal(is, was);
	ssize_t m = pread(held, after, sizeof after, 0);
	assert_true(n > 0 && m > 0 && (n != m || memcmp(before, after, (size_t)n) != 0));
	assert_works(path_write(ca_path, "no PEM", 6, 0644, &f->err), f);
	assert_fails(render_ca(&f->a, &f->err), f, "the truststore: no certificate in it");
}

/* A running container holds the file by its inode: a new certificate must reach it through that. */
static void in_place(void **state)
{
	struct fix *f = *state;
	make(f);
	const struct container *front = machine_container(&f->a.m, "front");
	assert_works(render_container(&f->a, front, &f->err), f);
	_cleanup_free_ char *path = path_join(f->dir, "run/files/front/etc/front/tls.pem");
	_cleanup_fd_ int held = open(path, O_RDONLY | O_CLOEXEC);
	char before[4096] = "", after[4096] = "";
	assert_true(pread(held, before, sizeof before - 1, 0) > 0);
	f->a.now += 80 * DAY;
	assert_int_equal(ca_leaf_ensure(&f->a, machine_secret(&f->a.m, "front/tls"), &f->err), 1);
	assert_int_equal(render_container(&f->a, front, &f->err), 1);
	assert_true(pread(held, after, sizeof after - 1, 0) > 0);
	assert_string_not_equal(before, after);
}

static void not_captured_yet(void **state)
{
	struct fix *f = *state;
	make(f);
	assert_fails(render_container(&f->a, machine_container(&f->a.m, "app"), &f->err), f,
		"container app: /etc/app.conf: ${saved:store/token}: not captured yet by its provision step");
	/* all together: the others are rendered, this one waits for its turn */
	assert_works(cmd_render(&f->a, 1, (char *[]){(char *)"render"}, &f->err), f);
	assert_int_equal(fix_mode(f, "run/ca.crt"), 0644);
	assert_int_equal(fix_mode(f, "run/env/store-1"), 0600);
}

/* The disk is full: nothing half written, and it works once there is room. */
static void full_disk(void **state)
{
	struct fix *f = *state;
	fix_sample(f);
	_cleanup_free_ char *mnt = path_join(f->dir, "state"), *filler = path_join(mnt, "filler");
	assert_works(path_mkdirs(mnt, &f->err), f);
	const char *const mount[] = {"mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", mnt, NULL};
	const char *const umount[] = {"umount", mnt, NULL};
	if (geteuid() != 0 || proc_run(mount, NULL, &f->err) < 0)
		skip();
	_cleanup_fd_ int fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	static const char page[4096];
	while (write(fd, page, sizeof page) == sizeof page)
		;
	int r = cmd_secrets(&f->a, 0, NULL, &f->err), sys = f->err.sys;
	err_release(&f->err);
	unlink(filler);
	ftruncate(fd, 0);
	int again = cmd_secrets(&f->a, 0, NULL, &f->err);
	int good = again == 0 ? verify(f, "kiln.internal", agent_time(&f->a)) : -1;
	cleanup_fd(&fd);
	fd = -1;
	proc_run(umount, NULL, &f->err);
	assert_int_equal(r, -1);
	assert_int_equal(sys, ENOSPC);
	assert_int_equal(again, 0);
	assert_int_equal(good, 0);
}

static char *told(struct fix *f, const char *mode)
{
	_cleanup_free_ char *path = path_join(f->dir, "console");
	if (mode[0] == 'r')
		assert_works(path_write(path, "", 0, 0600, &f->err), f);
	FILE *to = fopen(path, mode);
	assert_non_null(to);
	int r = show_once(&f->a, to, &f->err);
	fclose(to);
	return r < 0 ? NULL : fix_file(f, "console");
}

/* What a person is told is told once: not before the console has taken it, and not again. */
static void told_once(void **state)
{
	struct fix *f = *state;
	fix_machine(f, "{\"kiln\":1,\"name\":\"t\",\"domain\":\"d.internal\",\"epoch\":1763900000,\"network\":{"
		       "\"name\":\"kiln\","
		       "\"bridge\":\"kiln0\",\"subnet\":\"127.0.0.0/24\"},\"secrets\":["
		       "{\"id\":\"a/first\",\"bytes\":16,\"encoding\":\"alnum\",\"show\":\"https://a.${fact:domain}, "
		       "of 'x'\"},"
		       "{\"id\":\"a/quiet\",\"bytes\":16},"
		       "{\"id\":\"a/web/second\",\"bytes\":16,\"show\":\"of y\"}]}");
	assert_works(cmd_secrets(&f->a, 0, NULL, &f->err), f);
	assert_null(told(f, "r"));
	assert_string_equal(f->err.msg, "the console");
	err_release(&f->err);
	_cleanup_free_ char *first = fix_file(f, "state/secrets/a/first"),
			    *second = fix_file(f, "state/secrets/a/web/second");
	_cleanup_free_ char *want = xasprintf("shown this once, to be written down:\n"
					      "  https://a.d.internal, of 'x': %s\n  of y: %s\n",
		first, second);
	_cleanup_free_ char *once = told(f, "w"), *again = told(f, "w");
	assert_non_null(once);
	assert_string_equal(once, want);
	assert_string_equal(again, "");
	/* The power went after the first was recorded. */
	_cleanup_free_ char *record = path_join(f->dir, "state/shown/a/web/second");
	assert_int_equal(unlink(record), 0);
	_cleanup_free_ char *rest = told(f, "w");
	assert_null(strstr(rest, first));
	assert_non_null(strstr(rest, second));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fix_setup, fix_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {TEST(encodings), TEST(never_replaced), TEST(chain), TEST(renewal),
		TEST(clocks), TEST(names_changed), TEST(interrupted), TEST(rendered), TEST(truststore), TEST(in_place),
		TEST(not_captured_yet), TEST(full_disk), TEST(told_once)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
