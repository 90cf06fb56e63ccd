/* http: a request to a container's address; `save` keeps parts of a JSON answer. */
#include "base/filter.h"
#include "base/json.h"
#include "base/path.h"
#include "target/agent/http.h"
#include "target/agent/pointer.h"
#include "target/agent/probe.h"
#include "target/agent/sigv4.h"
#include "target/agent/step.h"

/* The text of a scalar, else compact JSON; the caller frees it. */
static char *as_text(const json_t *j)
{
	return json_is_string(j) ? xstrdup(json_string_value(j)) : json_compact(j);
}

static int form_body(const json_t *form, struct strbuf *body, struct err *err)
{
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)form, key, value)
	{
		_cleanup_free_ char *text = as_text(value), *k = NULL, *v = NULL;
		if (filter_apply("url", key, "", &k, err) < 0 || filter_apply("url", text, "", &v, err) < 0)
			return -1;
		strbuf_addf(body, "%s%s=%s", body->len ? "&" : "", k, v);
	}
	return 0;
}

/* One of json, form and body, with its content type unless the step's headers name one. */
static int make_body(const json_t *x, struct strvec *headers, struct strbuf *body, bool *has, struct err *err)
{
	const json_t *json = json_object_get(x, "json"), *form = json_object_get(x, "form"),
		     *plain = json_object_get(x, "body"), *given = json_object_get(x, "headers");
	const char *type = NULL, *name;
	json_t *value;
	*has = json || form || plain;
	strbuf_adds(body, "");
	if (json) {
		_cleanup_free_ char *text = json_compact(json);
		strbuf_adds(body, text);
		type = "application/json";
	} else if (form) {
		if (form_body(form, body, err) < 0)
			return -1;
		type = "application/x-www-form-urlencoded";
	} else if (plain) {
		strbuf_adds(body, json_is_string(plain) ? json_string_value(plain) : "");
		type = "application/octet-stream";
	}
	json_object_foreach((json_t *)given, name, value)
	{
		_cleanup_free_ char *text = as_text(value);
		if (strpbrk(name, ":\r\n") || strpbrk(text, "\r\n"))
			return err_set(err, ERR_CONFIG, "http: a line break in header %s", name);
		strvec_addf(headers, "%s: %s", name, text);
		if (strcasecmp(name, "content-type") == 0)
			type = NULL;
	}
	if (type)
		strvec_addf(headers, "Content-Type: %s", type);
	return 0;
}

/* `login: {user, password}`: the Basic scheme of RFC 7617. */
static int log_in(const json_t *login, struct strvec *headers, struct err *err)
{
	const char *user = json_string_value(json_object_get(login, "user"));
	const char *password = json_string_value(json_object_get(login, "password"));
	if (!user || !password || strchr(user, ':'))
		return err_set(err, ERR_CONFIG, "http: login: user, without a colon, and password are needed");
	_cleanup_free_ char *both = xasprintf("%s:%s", user, password), *encoded = NULL;
	if (filter_apply("b64", both, "", &encoded, err) < 0)
		return -1;
	strvec_addf(headers, "Authorization: Basic %s", encoded);
	return 0;
}

/* `sigv4: {access_key, secret_key, region, service}` signs what the request is by now. */
static int sign(const json_t *keys, const struct http_request *q, struct strvec *headers, struct err *err)
{
	const struct sigv4 s = {.access_key = json_string_value(json_object_get(keys, "access_key")),
		.secret_key = json_string_value(json_object_get(keys, "secret_key")),
		.region = json_string_value(json_object_get(keys, "region")),
		.service = json_string_value(json_object_get(keys, "service"))};
	if (!s.access_key || !s.secret_key || !s.region || !s.service)
		return err_set(err, ERR_CONFIG, "http: sigv4: access_key, secret_key, region and service are needed");
	_cleanup_free_ char *host = xasprintf("%s:%u", q->address, q->port);
	const struct sigv4_request what = {.method = q->method ? q->method : "GET",
		.host = host,
		.path = q->path ? q->path : "/",
		.body = q->body,
		.at = time(NULL)}; /* the clock that the container has, right or wrong */
	sigv4_sign(&s, &what, headers);
	return 0;
}

/* What was captured is a secret of the service: kept like one, and never shown. */
static int save(struct step_run *r, const json_t *wanted, const char *answer, struct err *err)
{
	const char *name;
	json_t *pointer;
	if (!json_object_size(wanted))
		return 0;
	_cleanup_json_ json_t *j = json_parse(answer, strlen(answer), "answer", err);
	if (!j)
		return -1;
	json_object_foreach((json_t *)wanted, name, pointer)
	{
		const json_t *found = json_pointer(j, json_string_value(pointer));
		if (!found || json_is_null(found))
			return err_set(err, ERR_TEST, "the answer has no %s to save", json_string_value(pointer));
		if (!agent_id_ok(name) || !agent_id_ok(r->p->service))
			return err_set(err, ERR_CONFIG, "save: \"%s\" cannot be a name", name);
		_cleanup_free_ char *text = as_text(found);
		_cleanup_free_ char *path = xasprintf("%s/saved/%s/%s", r->a->state, r->p->service, name);
		strvec_add(r->masks, text);
		if (agent_write(path, text, strlen(text), 0600, err) < 0)
			return -1;
	}
	return 0;
}

static int judge(struct step_run *r, const json_t *x, const struct http_request *q, unsigned status, struct err *err)
{
	unsigned expect[16] = {0};
	const json_t *list = json_object_get(x, "expect");
	for (size_t i = 0; i < json_array_size(list) && i + 1 < ARRAY_SIZE(expect); i++)
		expect[i] = (unsigned)json_integer_value(json_array_get(list, i));
	if (!probe_expected(expect, status, 200, 299))
		return err_set(err, ERR_TEST, "%s %s:%u answers %u", q->method ? q->method : "GET", q->address, q->port,
			status);
	const char *said = strbuf_cstr(&r->answer);
	return save(r, json_object_get(x, "save"), said, err) < 0 || save(r, json_object_get(x, "note"), said, err) < 0
		       ? -1
		       : 0;
}

int step_http(struct step_run *r, const json_t *x, const json_t *around, struct err *err)
{
	(void)around;
	const struct container *c = step_target(r, json_object_get(x, "to"), err);
	if (!c)
		return -1;
	_cleanup_strvec_ struct strvec headers = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf body = STRBUF_INIT;
	bool has_body;
	if (make_body(x, &headers, &body, &has_body, err) < 0)
		return -1;
	const char *scheme = json_string_value(json_object_get(x, "scheme"));
	json_int_t port = json_integer_value(json_object_get(x, "port"));
	if (port < 1 || port > 65535)
		return err_set(err, ERR_CONFIG, "http: port missing or out of range");
	const char *method = json_string_value(json_object_get(x, "method"));
	_cleanup_free_ char *ca = path_join(r->a->run, "ca.crt");
	struct http_request q = {.scheme = scheme ? scheme : "http",
		.address = c->address,
		.port = (unsigned)port,
		.path = json_string_value(json_object_get(x, "path")),
		.method = method     ? method
			  : has_body ? "POST"
				     : NULL,
		.body = has_body ? strbuf_cstr(&body) : NULL,
		.ca = str_eq(scheme, "https") ? ca : NULL,
		.timeout_ms = r->timeout_ms};
	if (!str_eq(q.scheme, "http") && !str_eq(q.scheme, "https"))
		return err_set(err, ERR_CONFIG, "http: scheme \"%s\" is neither http nor https", q.scheme);
	const json_t *login = json_object_get(x, "login"), *keys = json_object_get(x, "sigv4");
	if ((login && log_in(login, &headers, err) < 0) || (keys && sign(keys, &q, &headers, err) < 0))
		return -1;
	q.headers = headers.n ? (const char *const *)headers.v : NULL;
	struct http_answer answer = {0};
	int rc = http_do(&q, &answer, err);
	strbuf_add(&r->answer, strbuf_cstr(&answer.body), answer.body.len);
	strbuf_release(&answer.body);
	return rc < 0 ? -1 : judge(r, x, &q, answer.status, err);
}
