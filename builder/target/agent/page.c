/*
 * `page`: a web server for the appliance's page, and one at another port for Prometheus. It runs in a container that
 * has of the machine what `status --publish` writes, the certificate to trust and the SBOM, all read-only. Who has
 * signed on the front door says (kind `home`, docs/kinds.md); it is the only one that reaches the port.
 */
#include "target/agent/page.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "target/agent/agent.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATUS_MAX (16u << 20)
#define CA_MAX (1u << 20)

struct site {
	const char *from, *ca, *sbom, *group, *address;
	uint64_t port, metrics;
	char *policy;
};
struct side { /* one of the two ports */
	const struct site *site;
	bool inside;
};
struct answer {
	unsigned status;
	const char *type, *save_as;
	char *body;    /* owned; NULL: `file` is it */
	int file;      /* owned */
	uint64_t size; /* of the file */
};

static json_t *published(const struct site *s, const char *name)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	_cleanup_free_ char *path = path_join(s->from, name);
	return json_read(path, STATUS_MAX, &ignored);
}

/* By the clock that machine and containers share. */
static uint64_t age_ms(const json_t *status)
{
	json_int_t now = (json_int_t)agent_boot_ms(),
		   then = json_integer_value(json_object_get(status, "published_ms"));
	return now > then ? (uint64_t)(now - then) : 0;
}

static struct answer plain(unsigned status, const char *text)
{
	return (struct answer){.status = status, .type = "text/plain; charset=utf-8", .body = xstrdup(text)};
}

static const char *header(struct MHD_Connection *c, const char *name)
{
	const char *v = MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
	return v && *v ? v : NULL;
}

static struct answer document(const struct site *s, struct MHD_Connection *c)
{
	_cleanup_json_ json_t *status = published(s, "status.json");
	const char *user = header(c, "X-Auth-Request-User"), *name = header(c, "X-Auth-Request-Preferred-Username");
	bool may_read = user && page_in_group(header(c, "X-Auth-Request-Groups"), s->group);
	_cleanup_json_ json_t *logs = may_read ? published(s, "logs.json") : NULL;
	struct strbuf out = STRBUF_INIT;
	page_html(&(struct page_view){.status = status,
			  .logs = logs,
			  .user = user && name ? name : user,
			  .age_ms = status ? age_ms(status) : 0},
		&out);
	return (struct answer){.status = MHD_HTTP_OK, .type = "text/html; charset=utf-8", .body = strbuf_steal(&out)};
}

/* With its age: published_ms is by a clock that only this machine has. */
static struct answer status_json(const struct site *s)
{
	_cleanup_json_ json_t *status = published(s, "status.json");
	if (!status)
		return plain(MHD_HTTP_NOT_FOUND, "the machine has not yet said how it is\n");
	json_object_set_new(status, "age_ms", json_integer((json_int_t)age_ms(status)));
	return (struct answer){.status = MHD_HTTP_OK, .type = "application/json", .body = json_canonical(status)};
}

/* It is large: the kernel sends it, and it takes no memory of the container's. */
static struct answer sbom(const struct site *s)
{
	struct stat st;
	int fd = open(s->sbom, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		if (fd >= 0)
			close(fd);
		return plain(MHD_HTTP_NOT_FOUND, "this image has no SBOM\n");
	}
	return (struct answer){.status = MHD_HTTP_OK,
		.type = "application/spdx+json",
		.save_as = "sbom.spdx.json",
		.file = fd,
		.size = (uint64_t)st.st_size};
}

static struct answer metrics(const struct site *s)
{
	_cleanup_json_ json_t *status = published(s, "status.json");
	struct strbuf out = STRBUF_INIT;
	page_metrics(status, status ? age_ms(status) : 0, &out);
	return (struct answer){
		.status = MHD_HTTP_OK, .type = "text/plain; version=0.0.4; charset=utf-8", .body = strbuf_steal(&out)};
}

/* A key in there would be a mistake of somebody's, and is not passed on. */
static struct answer ca(const struct site *s)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	char *text = path_read(s->ca, CA_MAX, NULL, &ignored);
	if (!text || !strstr(text, "-----BEGIN CERTIFICATE-----") || strstr(text, "PRIVATE KEY")) {
		free(text);
		return plain(MHD_HTTP_SERVICE_UNAVAILABLE, "there is no certificate yet\n");
	}
	return (struct answer){
		.status = MHD_HTTP_OK, .type = "application/x-x509-ca-cert", .save_as = "kiln-ca.crt", .body = text};
}

static struct answer answer(const struct side *side, struct MHD_Connection *c, const char *method, const char *path)
{
	switch (page_route(method, path, side->inside)) {
	case PAGE_DOCUMENT:
		return document(side->site, c);
	case PAGE_STATUS:
		return status_json(side->site);
	case PAGE_SBOM:
		return sbom(side->site);
	case PAGE_CA:
		return ca(side->site);
	case PAGE_METRICS:
		return metrics(side->site);
	case PAGE_HEALTH:
		return plain(MHD_HTTP_OK, "ok\n");
	case PAGE_BAD_METHOD:
		return plain(MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
	case PAGE_NOT_FOUND:
		break;
	}
	return plain(MHD_HTTP_NOT_FOUND, "no such page here\n");
}

static struct MHD_Response *response(const struct answer *a)
{
	struct MHD_Response *r =
		a->body ? MHD_create_response_from_buffer(strlen(a->body), a->body, MHD_RESPMEM_MUST_FREE)
			: MHD_create_response_from_fd64(a->size, a->file);
	if (!r && a->body)
		free(a->body);
	else if (!r)
		close(a->file);
	return r;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *path, const char *method,
	const char *version, const char *upload, size_t *upload_size, void **state)
{
	static int seen;
	const struct side *side = arg;
	(void)version, (void)upload;
	/* First come the headers. What has a body that may be long is answered at once, and the connection ends with
	 * it. */
	bool gets = str_eq(method, "GET") || str_eq(method, "HEAD");
	if (gets && (!*state || *upload_size)) {
		*state = &seen;
		*upload_size = 0;
		return MHD_YES;
	}
	struct answer a = answer(side, c, method, path);
	struct MHD_Response *r = response(&a);
	if (!r)
		return MHD_NO;
	_cleanup_free_ char *disposition = a.save_as ? xasprintf("attachment; filename=\"%s\"", a.save_as) : NULL;
	MHD_add_response_header(r, "Content-Type", a.type);
	MHD_add_response_header(r, "Content-Security-Policy", side->site->policy);
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(r, "X-Frame-Options", "DENY");
	MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
	MHD_add_response_header(r, "Cross-Origin-Resource-Policy", "same-origin");
	MHD_add_response_header(r, "Cache-Control", "no-store");
	if (disposition)
		MHD_add_response_header(r, "Content-Disposition", disposition);
	if (a.status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, "Allow", "GET, HEAD");
	enum MHD_Result rc = MHD_queue_response(c, a.status, r);
	MHD_destroy_response(r);
	return rc;
}

/* Paths stay as they came: nothing that is written otherwise is the same. */
static size_t keep_escapes(void *arg, struct MHD_Connection *c, char *s)
{
	(void)arg, (void)c;
	return strlen(s);
}

static struct MHD_Daemon *serve(const struct side *side, struct err *err)
{
	uint64_t port = side->inside ? side->site->metrics : side->site->port;
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	if (inet_pton(AF_INET, side->site->address, &at.sin_addr) != 1) {
		err_set(err, ERR_USAGE, "page: --address: \"%s\" is no IPv4 address", side->site->address);
		err_hint(err, "0.0.0.0, all that this machine has, is what it takes without the option");
		return NULL;
	}
	errno = 0;
	struct MHD_Daemon *d = MHD_start_daemon(MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD, (uint16_t)port, NULL,
		NULL, on_request, (void *)side, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&at,
		MHD_OPTION_CONNECTION_LIMIT, 64u, MHD_OPTION_CONNECTION_TIMEOUT, 15u,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32768, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_END);
	if (!d)
		err_sys(err, errno ? errno : EIO, "page: listen on %s:%u", side->site->address, (unsigned)port);
	return d;
}

static int parse(struct site *s, int argc, char **argv, struct err *err)
{
	for (int i = 1; i < argc; i += 2) {
		const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
		uint64_t *port = str_eq(option, "--port") ? &s->port : str_eq(option, "--metrics") ? &s->metrics : NULL;
		const char **text = str_eq(option, "--from")	  ? &s->from
				    : str_eq(option, "--ca")	  ? &s->ca
				    : str_eq(option, "--sbom")	  ? &s->sbom
				    : str_eq(option, "--group")	  ? &s->group
				    : str_eq(option, "--address") ? &s->address
								  : NULL;
		if (!port && !text)
			return err_set(err, ERR_USAGE, "page: unknown option %s", option);
		if (!value)
			return err_set(err, ERR_USAGE, "page: %s: no value", option);
		if (port && (!str_to_u64(value, port) || !*port || *port > 65535))
			return err_set(err, ERR_USAGE, "page: %s: \"%s\" is no port", option, value);
		if (text)
			*text = value;
	}
	return s->port == s->metrics ? err_set(err, ERR_USAGE, "page: --port and --metrics are the same") : 0;
}

int cmd_page(struct agent *a, int argc, char **argv, struct err *err)
{
	struct site s = {.from = "/run/kiln/page",
		.ca = "/run/kiln/ca.crt",
		.sbom = "/usr/local/share/sbom.spdx.json",
		.group = "",
		.address = "0.0.0.0",
		.port = 8080,
		.metrics = 9100};
	const struct side outside = {.site = &s}, inside = {.site = &s, .inside = true};
	sigset_t ends;
	int sig;
	(void)a;
	if (parse(&s, argc, argv, err) < 0)
		return err_hint(err,
			"page [--port N] [--metrics N] [--address IP] [--from DIR] [--ca FILE] [--sbom FILE] "
			"[--group NAME]");
	/* Before there are threads: none of them gets these. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	s.policy = page_policy();
	struct MHD_Daemon *page = serve(&outside, err), *numbers = page ? serve(&inside, err) : NULL;
	if (numbers)
		sigwait(&ends, &sig);
	if (page)
		MHD_stop_daemon(page);
	if (numbers)
		MHD_stop_daemon(numbers);
	free(s.policy);
	return numbers ? 0 : -1;
}
