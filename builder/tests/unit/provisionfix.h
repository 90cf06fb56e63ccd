/*
 * Provision steps of a machine with one service: a script named podman runs the commands right here (real containers
 * are in the booted appliance); HTTP goes to a real server on 127/8.
 */
#pragma once
#include "agentfix.h"
#include "base/proc.h"
#include "target/agent/patience.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

/* "podman exec OPTIONS CONTAINER COMMAND...": notes its arguments, then runs the command. */
static const char fake_podman[] =
	"#!/bin/bash\n"
	"printf '%s\\n' \"$*\" >>\"$KILN_TEST_LOG\"\n"
	"shift\n"
	"while :; do case $1 in --env|--user) shift 2;; --interactive) shift;; *) break;; esac; done\n"
	"export CONTAINER=$1\n"
	"shift\n"
	"exec \"$@\"\n";

/* A server that answers every request with `status` and `body`, and keeps what it was asked. */
struct server {
	int fd;
	unsigned port;
	pthread_t thread;
	const char *answer;
	struct strbuf asked;
};

static void *serve(void *arg)
{
	struct server *s = arg;
	int c;
	while ((c = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		char buf[8192];
		size_t n = 0, want = 0;
		ssize_t r;
		while ((r = read(c, buf + n, sizeof buf - 1 - n)) > 0) {
			n += (size_t)r;
			buf[n] = 0;
			const char *end = strstr(buf, "\r\n\r\n"), *len = strcasestr(buf, "content-length:");
			want = end ? (size_t)(end + 4 - buf) + (len ? strtoul(len + 15, NULL, 10) : 0) : 0;
			if (want && n >= want)
				break;
		}
		strbuf_add(&s->asked, buf, n);
		strbuf_adds(&s->asked, "\n--\n");
		if (n)
			(void)fd_write_all(c, s->answer, strlen(s->answer));
		close(c);
	}
	return NULL;
}

static inline void server_start(struct server *s, const char *address, const char *answer)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof at;
	*s = (struct server){.answer = answer, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	inet_pton(AF_INET, address, &at.sin_addr);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(s->fd, 8), 0);
	getsockname(s->fd, (struct sockaddr *)&at, &len);
	s->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static inline void server_stop(struct server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	close(s->fd);
	pthread_join(s->thread, NULL);
	strbuf_release(&s->asked);
}

/* Two instances of one service at 127.0.0.20 and .21, a secret, and the given steps. `port`: of their TCP health; 0:
 * none. */
static inline void with_steps(struct fix *f, unsigned port, const char *steps)
{
	_cleanup_free_ char *health = port ? xasprintf("{\"kind\":\"tcp\",\"port\":%u,\"timeout\":500}", port)
					   : xstrdup("{\"kind\":\"none\"}");
	_cleanup_free_ char *text =
		xasprintf("{\"kiln\":1,\"name\":\"t\",\"epoch\":1763900000,\"network\":{\"name\":\"kiln\",\"bridge\":"
			  "\"kiln0\",\"subnet\":"
			  "\"127.0.0.0/24\"},"
			  "\"containers\":[{\"name\":\"db-1\",\"service\":\"db\",\"unit\":\"a.service\",\"address\":20,"
			  "\"health\":%s},"
			  "{\"name\":\"db-2\",\"service\":\"db\",\"unit\":\"b.service\",\"address\":21,\"health\":%s}],"
			  "\"secrets\":[{\"id\":\"db/pw\",\"bytes\":24,\"encoding\":\"hex\"}],"
			  "\"provision\":[{\"id\":\"db\",\"service\":\"db\",\"steps\":%s}]}",
			health, health, steps);
	_cleanup_free_ char *bin = path_join(f->dir, "podman"), *log = path_join(f->dir, "podman.log"),
			    *dir = xstrdup(f->dir), *path = xasprintf("%s:/usr/sbin:/usr/bin:/sbin:/bin", dir);
	if (f->a.conf)
		agent_release(&f->a);
	fix_machine(f, text);
	assert_works(path_write(bin, fake_podman, strlen(fake_podman), 0755, &f->err), f);
	setenv("PATH", path, 1);
	setenv("KILN_TEST_LOG", log, 1);
	setenv("OUT", dir, 1);
	assert_works(cmd_secrets(&f->a, 0, NULL, &f->err), f);
}

static inline int provision(struct fix *f)
{
	char *argv[] = {(char *)"provision", (char *)"db", NULL};
	return cmd_provision(&f->a, 2, argv, &f->err);
}

static inline json_t *shown(struct fix *f)
{
	_cleanup_free_ char *text = fix_file(f, "run/provision/db.json");
	json_t *j = json_parse(text, strlen(text), "shown", &f->err);
	assert_non_null(j);
	return j;
}

static inline void how(struct fix *f, const char *want)
{
	_cleanup_json_ json_t *j = shown(f);
	const json_t *steps = json_object_get(j, "steps");
	_cleanup_strbuf_ struct strbuf got = STRBUF_INIT;
	strbuf_adds(&got, "");
	for (size_t i = 0; i < json_array_size(steps); i++)
		strbuf_addf(&got, "%s%s: %s", i ? ", " : "",
			json_string_value(json_object_get(json_array_get(steps, i), "name")),
			json_string_value(json_object_get(json_array_get(steps, i), "how")));
	assert_string_equal(got.s, want);
}

/* Its steps one after another, within the run. */
static inline void times(struct fix *f)
{
	_cleanup_json_ json_t *j = shown(f);
	json_int_t at = json_integer_value(json_object_get(j, "started_ms")),
		   end = json_integer_value(json_object_get(j, "changed_ms"));
	json_t *s;
	size_t i;
	assert_true(at > 0);
	json_array_foreach(json_object_get(j, "steps"), i, s)
	{
		json_int_t begun = json_integer_value(json_object_get(s, "at_ms")),
			   ms = json_integer_value(json_object_get(s, "ms"));
		assert_true(begun >= at && ms >= 0 && begun + ms <= end);
		at = begun + ms;
	}
}

/* The secret is where it belongs and nowhere else in what the agent wrote or ran. */
static inline void assert_no_leak(struct fix *f, const char *secret)
{
	_cleanup_free_ char *run = path_join(f->dir, "run"), *records = path_join(f->dir, "state/provision"),
			    *log = path_join(f->dir, "podman.log");
	const char *const argv[] = {"grep", "-rqF", secret, run, records, log, NULL};
	int r = proc_run(argv, &(struct proc_opts){.ok_status = 1}, &f->err);
	err_release(&f->err);
	assert_int_not_equal(r, 0);
}

static inline int provision_tests(const struct CMUnitTest *tests, size_t n)
{
	patience_source("/nonexistent"); /* the load of the machine that tests is none of theirs */
	signal(SIGPIPE, SIG_IGN);
	return _cmocka_run_group_tests("provision", tests, n, NULL, NULL);
}
#define TEST(name) cmocka_unit_test_setup_teardown(name, fix_setup, fix_teardown)
