/*
 * A private root for apt under the cache: own configuration, sources, index and (pretended) dpkg status, nothing of the
 * host's but its proxies and credentials. Internal to lock/. One kiln at a time works in a root (flock).
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "fetch/aptconf.h"
#include "fetch/cache.h"

struct apt_root {
	char *dir;	   /* CACHE/apt/KEY */
	const char *cache; /* CACHE, borrowed */
	char *conf;	   /* its apt.conf, for APT_CONFIG */
	int lock_fd;
	struct strvec env; /* the whole environment of apt's processes */
};

/* Make or reuse the root for `key`. */
int apt_root_open(struct apt_root *r, struct cache *c, const char *key, const char *arch, const struct apt_conf *host,
	struct err *err);
void apt_root_release(struct apt_root *r);
#define _cleanup_apt_root_ __attribute__((cleanup(apt_root_release)))

char *apt_root_path(const struct apt_root *r, const char *relative); /* the caller frees it */
/* Copy a keyring (binary or armoured) into the root, for Signed-By. Returns its path there, or NULL. The caller frees
 * it. */
char *apt_root_keyring(const struct apt_root *r, const char *from, struct err *err);
/* Is there room for a package index? apt-get itself can hang on a full disk. */
int apt_root_space(const struct apt_root *r, struct err *err);
/*
 * Run an apt program; its standard output in `out`. The error carries apt's own "E:" and "W:" lines in one line;
 * its kind is ERR_NETWORK, ERR_VERIFY or ERR_RESOLVE by what they say.
 */
int apt_root_run(const struct apt_root *r, const struct strvec *argv, struct strbuf *out, struct err *err);
