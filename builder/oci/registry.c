#include "oci/registry.h"
#include "base/hash.h"
#include "base/mem.h"
#include "oci/auth.h"
#include "oci/manifest.h"
#include <string.h>

/* A repository somewhere, and the way in. */
struct door {
	struct auth auth;
	struct download_auth download;
};
struct registry {
	struct arena arena;
	struct download_opts net;
	struct requester *requester;
	VEC(struct door *) doors;
	struct strvec gave_way; /* "REGISTRY PATH NAME" */
};

struct registry *registry_new(const struct download_opts *net)
{
	struct registry *r = xcalloc(1, sizeof *r);

	r->net = net ? *net : (struct download_opts){0};
	r->net.not_apt = true;
	r->requester = requester_new(&r->net);
	return r;
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->doors.n; i++)
		auth_release(&r->doors.v[i]->auth);
	vec_release(&r->doors);
	strvec_release(&r->gave_way);
	requester_free(r->requester);
	arena_release(&r->arena);
	free(r);
}

const struct download_opts *registry_net(const struct registry *r)
{
	return &r->net;
}

static int get_header(void *arg, const char *refused, char **ret, struct err *err)
{
	return auth_get(arg, refused, ret, err);
}

/* docker.io is a name only; its registry answers at another. */
static const char *host_of(const char *registry)
{
	return strcmp(registry, "docker.io") == 0 ? "registry-1.docker.io" : registry;
}

static struct door *door_to(struct registry *r, const struct mirror_place *at)
{
	for (size_t i = 0; i < r->doors.n; i++) {
		struct auth *a = &r->doors.v[i]->auth;
		if (a->plain == at->plain && str_eq(a->registry, at->registry) && str_eq(a->path, at->path))
			return r->doors.v[i];
	}
	struct door *d = ARENA_NEW(&r->arena, struct door);
	d->auth = (struct auth){
		.requester = r->requester,
		.registry = arena_strdup(&r->arena, at->registry),
		.host = host_of(arena_strdup(&r->arena, at->registry)),
		.path = arena_strdup(&r->arena, at->path),
		.plain = at->plain,
	};
	d->download = (struct download_auth){.get = get_header, .arg = &d->auth};
	vec_push(&r->doors, d);
	return d;
}

bool registry_gives_way(const struct registry *r, const struct mirror_place *at, const char *name)
{
	_cleanup_free_ char *key = xasprintf("%s %s %s", at->registry, at->path, name);

	return strvec_has(&r->gave_way, key);
}

void registry_gave_way(struct registry *r, const struct mirror_place *at, const char *name)
{
	strvec_take(&r->gave_way, xasprintf("%s %s %s", at->registry, at->path, name));
}

static int send_with(struct registry *r, struct door *d, const char *uri, const char *refused, char **sent,
	struct response *ret, struct err *err)
{
	static const char accept[] =
		"Accept: " TYPE_OCI_INDEX ", " TYPE_DOCKER_INDEX ", " TYPE_OCI_MANIFEST ", " TYPE_DOCKER_MANIFEST;
	const char *headers[3] = {accept};
	_cleanup_free_ char *line = NULL;

	if (auth_get(&d->auth, refused, sent, err) < 0)
		return -1;
	if (*sent)
		headers[1] = line = xasprintf("Authorization: %s", *sent);
	return request_send(
		r->requester, &(struct request){.uri = uri, .headers = headers, .max = DOCUMENT_MAX}, ret, err);
}

static int judge(const struct response *r, const char *what, struct err *err)
{
	char found[HASH_HEX];

	if (r->status == 404) {
		err_set(err, ERR_RESOLVE, "there is no such image (%s)", what);
		if (!str_starts(what, "sha256:"))
			return err_hint(err, "check its name and its tag, or say under \"mirrors:\" where else it is");
		return err_hint(err,
			"check its name and its digest, or say under \"mirrors:\" where else it is; \"kiln "
			"lock\" pins what a tag means now");
	}
	if (r->status == 401 || r->status == 403)
		return err_set(err, ERR_NETWORK, "the registry denies access (HTTP status %ld)", r->status);
	if (r->status != 200)
		return err_set(err, ERR_NETWORK, "the registry answers with HTTP status %ld", r->status);
	hash_bytes(r->body, r->len, found);
	if (r->digest && str_starts(r->digest, "sha256:") && strcmp(r->digest + 7, found) != 0)
		return err_set(
			err, ERR_VERIFY, "the registry says its SHA-256 is %.64s, and it is %s", r->digest + 7, found);
	return 0;
}

int registry_document(
	struct registry *r, const struct mirror_place *at, const char *what, struct response *ret, struct err *err)
{
	struct door *d = door_to(r, at);
	_cleanup_free_ char *uri =
		xasprintf("%s://%s/v2/%s/manifests/%s", at->plain ? "http" : "https", d->auth.host, at->path, what);
	_cleanup_free_ char *first = NULL, *second = NULL;
	_cleanup_response_ struct response got = {0};

	if (send_with(r, d, uri, NULL, &first, &got, err) < 0)
		return err_wrap(err, "%s", uri);
	if (got.status == 401) {
		auth_challenged(&d->auth, &got.challenges);
		response_release(&got);
		if (send_with(r, d, uri, first ? first : "", &second, &got, err) < 0)
			return err_wrap(err, "%s", uri);
	}
	if (judge(&got, what, err) < 0)
		return err_wrap(err, "%s", uri);
	*ret = got;
	got = (struct response){0};
	return 0;
}

struct download registry_blob(
	struct registry *r, const struct mirror_place *at, const char *digest, uint64_t size, const char *what)
{
	struct door *d = door_to(r, at);

	return (struct download){
		.uri = arena_printf(&r->arena, "%s://%s/v2/%s/blobs/sha256:%s", at->plain ? "http" : "https",
			d->auth.host, at->path, digest),
		.sha256 = arena_strdup(&r->arena, digest),
		.size = size,
		.what = arena_strdup(&r->arena, what),
		.auth = &d->download,
	};
}
