/* Secrets that root gives to the machine: empty until then, taken from standard input, told in the status. */
#include "agentfix.h"
#include "target/agent/given.h"
#include "target/agent/render.h"
#include "target/agent/show.h"
#include "target/agent/text.h"
#include <fcntl.h>
#include <string.h>

/* Without a container: there is nobody to be told, which wants systemd. */
static void make(struct fix *f, bool container)
{
	_cleanup_free_ char *text = xasprintf(
		"{\"kiln\":1,\"name\":\"t\",\"domain\":\"d.internal\",\"epoch\":1763900000,"
		"\"network\":{\"name\":\"kiln\",\"bridge\":\"kiln0\",\"subnet\":\"127.0.0.0/24\"},"
		"\"containers\":[%s],\"secrets\":[{\"id\":\"mail/made\",\"bytes\":16},"
		"{\"id\":\"mail/relay\",\"given\":true,"
		"\"show\":\"the password of 'u' at ${fact:domain}\"}]}",
		container ? "{\"name\":\"mail\",\"service\":\"mail\",\"unit\":\"mail.service\",\"address\":9,\"files\":"
			    "[{\"path\":\"/etc/relay\",\"text\":\"[x] u:${secret:mail/relay}\\n\"}]}"
			  : "");
	fix_machine(f, text);
	f->a.now = 1763900000 + 86400;
	assert_works(cmd_secrets(&f->a, 0, NULL, &f->err), f);
}

static int give(struct fix *f, const char *text, size_t len)
{
	_cleanup_free_ char *path = path_join(f->dir, "stdin");
	assert_works(path_write(path, text, len, 0600, &f->err), f);
	int was = dup(STDIN_FILENO), fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(was >= 0 && fd >= 0);
	dup2(fd, STDIN_FILENO);
	int r = cmd_give(&f->a, 2, (char *[]){(char *)"give", (char *)"mail/relay"}, &f->err);
	dup2(was, STDIN_FILENO);
	close(was);
	close(fd);
	return r;
}

static char *wanted(struct fix *f)
{
	_cleanup_json_ json_t *list = given_wanted(&f->a);
	return list ? json_dumps(list, JSON_COMPACT | JSON_SORT_KEYS) : xstrdup("");
}

static void empty_until_given(void **state)
{
	struct fix *f = *state;
	make(f, false);
	_cleanup_free_ char *empty = fix_file(f, "state/secrets/mail/relay"), *wrong = wanted(f);
	assert_string_equal(empty, "");
	assert_int_equal(fix_mode(f, "state/secrets/mail/relay"), 0600);
	assert_string_equal(wrong, "[{\"secret\":\"mail/relay\",\"what\":\"the password of 'u' at d.internal\"}]");

	assert_works(give(f, "a b:c\r\n", 7), f);
	_cleanup_free_ char *kept = fix_file(f, "state/secrets/mail/relay"), *none = wanted(f);
	assert_string_equal(kept, "a b:c");
	assert_string_equal(none, "");

	/* It stays over a restart, and is not told on the console. */
	assert_works(cmd_secrets(&f->a, 0, NULL, &f->err), f);
	_cleanup_free_ char *same = fix_file(f, "state/secrets/mail/relay");
	assert_string_equal(same, "a b:c");
	_cleanup_free_ char *console = path_join(f->dir, "console");
	FILE *to = fopen(console, "w");
	assert_non_null(to);
	assert_works(show_once(&f->a, to, &f->err), f);
	fclose(to);
	_cleanup_free_ char *told = fix_file(f, "console");
	assert_string_equal(told, "");

	assert_works(
		cmd_give(&f->a, 3, (char *[]){(char *)"give", (char *)"--remove", (char *)"mail/relay"}, &f->err), f);
	_cleanup_free_ char *gone = fix_file(f, "state/secrets/mail/relay");
	assert_string_equal(gone, "");
}

static void refused(void **state)
{
	struct fix *f = *state;
	static char big[GIVEN_MAX + 8];
	make(f, false);
	assert_fails(give(f, "", 0), f, "mail/relay: standard input is empty");
	assert_fails(give(f, "\n", 1), f, "mail/relay: standard input is empty");
	assert_fails(give(f, "a\nb\n", 4), f, "mail/relay: one line of text is wanted, without control characters");
	assert_fails(give(f, "a\0b", 3), f, "mail/relay: one line of text is wanted, without control characters");
	assert_fails(give(f, " a\n", 3), f, "mail/relay: it begins or ends with a blank, which programs do not keep");
	memset(big, 'x', sizeof big);
	assert_fails(give(f, big, sizeof big), f, "mail/relay: longer than 4096 bytes");
	assert_works(give(f, big, GIVEN_MAX), f);
	char *made[] = {(char *)"give", (char *)"mail/made"}, *other[] = {(char *)"give", (char *)"mail/x"};
	assert_fails(cmd_give(&f->a, 2, made, &f->err), f, "mail/made: is made on the machine");
	assert_fails(cmd_give(&f->a, 2, other, &f->err), f, "mail/x: no service has such a secret");
	char *option[] = {(char *)"give", (char *)"--help"};
	assert_fails(cmd_give(&f->a, 2, option, &f->err), f, "give [SECRET | --remove SECRET]");
}

/* Root wrote it with an editor: the end of the line is none of it, and a second line is told. */
static void by_hand(void **state)
{
	struct fix *f = *state;
	make(f, true);
	_cleanup_free_ char *path = path_join(f->dir, "state/secrets/mail/relay");
	const struct container *c = machine_container(&f->a.m, "mail");
	assert_works(render_container(&f->a, c, &f->err), f);
	_cleanup_free_ char *empty = fix_file(f, "run/files/mail/etc/relay");
	assert_string_equal(empty, "[x] u:\n");
	assert_works(path_write(path, "word\n", 5, 0600, &f->err), f);
	assert_works(render_container(&f->a, c, &f->err), f);
	_cleanup_free_ char *text = fix_file(f, "run/files/mail/etc/relay");
	assert_string_equal(text, "[x] u:word\n");
	assert_works(path_write(path, "word\nrelayhost = x\n", 19, 0600, &f->err), f);
	_cleanup_free_ char *want = xasprintf(
				    "[{\"secret\":\"mail/relay\",\"what\":\"the password of 'u' at d.internal (%s: one "
				    "line of text is wanted, without control characters)\"}]",
				    path),
			    *is = wanted(f);
	assert_string_equal(is, want);
	assert_fails(render_container(&f->a, c, &f->err), f,
		"container mail: /etc/relay: ${secret:mail/relay}: one line of text is wanted, without control "
		"characters");
}

/* Nobody has a password yet: there is none, and not an empty one. */
static void no_hash(void **state)
{
	struct fix *f = *state;
	make(f, false);
	char *text = NULL;
	assert_fails(text_resolve(&f->a, "admin:${secret:mail/relay|sha512crypt}", NULL, &text, &f->err), f,
		"${secret:mail/relay|sha512crypt}: it is empty, and a hash of nothing lets anybody in");
	assert_works(give(f, "word", 4), f);
	assert_works(text_resolve(&f->a, "admin:${secret:mail/relay|sha512crypt}", NULL, &text, &f->err), f);
	assert_int_equal(strncmp(text, "admin:$6$", 9), 0);
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fix_setup, fix_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {TEST(empty_until_given), TEST(refused), TEST(by_hand), TEST(no_hash)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
