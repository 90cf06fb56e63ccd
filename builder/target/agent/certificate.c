/* `certificate install CERT KEY [--restart] | remove [--restart] | show`: the site's own certificate. */
#include "base/log.h"
#include "base/path.h"
#include "target/agent/reload.h"
#include "target/agent/site.h"
#include "target/agent/unit.h"
#include <errno.h>
#include <unistd.h>

static const char usage[] = "certificate install CERT KEY [--restart] | remove [--restart] | show";

static void show_root(const char *what, const X509 *root)
{
	_cleanup_free_ char *subject = x509_subject(root), *print = x509_fingerprint(root);
	printf("%s %s, SHA-256 %s\n", what, subject, print);
}

static void show_site(const struct agent *a, const struct site *s)
{
	const X509 *cert = sk_X509_value(s->chain, 0);
	_cleanup_free_ char *names = x509_names(cert), *issuer = x509_issuer(cert);
	char from[X509_DATE], to[X509_DATE];
	x509_date(from, x509_begins(cert));
	x509_date(to, x509_ends(cert));
	printf("names    %s\nissuer   %s\nvalid    %s to %s, %lld days left\n", names, issuer, from, to,
		(long long)x509_days_left(cert, agent_time(a)));
	show_root("trusted ", sk_X509_value(s->chain, sk_X509_num(s->chain) - 1));
}

static int show(const struct agent *a, struct err *err)
{
	_cleanup_site_ struct site s = {0};
	_cleanup_free_ char *path = path_join(a->state, "ca/cert.pem");
	int r = site_read(a, &s, err);
	if (r < 0)
		return -1;
	if (r > 0) {
		show_site(a, &s);
		return 0;
	}
	_cleanup_free_ char *pem = path_read(path, X509_PEM_MAX, NULL, err);
	_cleanup_x509_list_ STACK_OF(X509) *list = pem ? x509_read_all(pem, path, err) : NULL;
	if (!list)
		return -1;
	puts("no certificate of the site's own; those served are of the appliance's CA:");
	show_root("trusted ", sk_X509_value(list, 0));
	return 0;
}

static bool serves_site(const struct agent *a, const struct container *c)
{
	for (size_t i = 0; i < a->m.n_secrets; i++)
		for (const char *const *n = a->m.secrets[i].site ? a->m.secrets[i].containers : NULL; n && *n; n++)
			if (str_eq(*n, c->name))
				return true;
	return false;
}

static bool is_published(const struct agent *a, const struct container *c, unsigned port)
{
	for (size_t i = 0; i < a->m.n_published; i++)
		if (a->m.published[i].container == c && a->m.published[i].port == port)
			return true;
	return false;
}

/* Whether it may connect to where the site's certificate is served. */
static bool is_client(const struct agent *a, const struct container *c)
{
	for (size_t i = 0; i < a->m.n_flows; i++) {
		const struct flow *f = &a->m.flows[i];
		if (f->from == c && serves_site(a, f->to) && is_published(a, f->to, f->port))
			return true;
	}
	return false;
}

/*
 * Whom containers trust is another file now, at the same path. Programs that read it at their start only must be
 * started again: when, a person decides.
 */
static int tell_clients(const struct agent *a, bool restart, struct err *err)
{
	_cleanup_strbuf_ struct strbuf units = STRBUF_INIT;
	size_t failed = 0;
	for (size_t i = 0; i < a->m.n_containers; i++) {
		const struct container *c = &a->m.containers[i];
		_cleanup_err_ struct err why = ERR_INIT;
		if (!is_client(a, c) || !unit_running(c->unit))
			continue;
		if (!restart && !reload_knows(c)) {
			strbuf_addf(&units, " %s", c->unit);
		} else if (reload_container(c, &why) < 0) {
			log_warn("%s: %s", c->name, why.msg);
			failed++;
		}
	}
	if (units.len)
		printf("Whom they trust, these read when they start; until then the front door may be a stranger to "
		       "them:\n  systemctl restart%s\n",
			units.s);
	return failed ? err_set(err, ERR_TOOL, "%zu containers could not be reloaded", failed) : 0;
}

static int take_effect(const struct agent *a, bool restart, struct err *err)
{
	_cleanup_err_ struct err second = ERR_INIT;
	bool trust;
	fflush(stdout);
	int r = reload_changed(a, &trust, err);
	if (!trust)
		return r;
	return r < 0 ? tell_clients(a, restart, &second), -1 : tell_clients(a, restart, err);
}

static int install(const struct agent *a, const char *cert, const char *key, bool restart, struct err *err)
{
	_cleanup_strbuf_ struct strbuf content = STRBUF_INIT;
	_cleanup_free_ char *path = site_path(a);
	int r = site_compose(a, cert, key, &content, err);
	if (r == 0)
		r = agent_write(path, content.s, content.len, 0600, err);
	if (content.s)
		explicit_bzero(content.s, content.len);
	if (r < 0 || show(a, err) < 0)
		return -1;
	return take_effect(a, restart, err);
}

static int remove_site(const struct agent *a, bool restart, struct err *err)
{
	_cleanup_free_ char *path = site_path(a);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_sys(err, errno, "remove %s", path);
	if (path_sync_dir(a->state, err) < 0 || show(a, err) < 0)
		return -1;
	return take_effect(a, restart, err);
}

int cmd_certificate(struct agent *a, int argc, char **argv, struct err *err)
{
	bool restart = argc > 2 && str_eq(argv[argc - 1], "--restart");
	int n = argc - restart;
	if (n == 4 && str_eq(argv[1], "install"))
		return install(a, argv[2], argv[3], restart, err);
	if (n == 2 && str_eq(argv[1], "remove"))
		return remove_site(a, restart, err);
	if (argc == 2 && str_eq(argv[1], "show"))
		return show(a, err);
	return err_set(err, ERR_USAGE, "%s", usage);
}
