/* Where packages come from: the profile's mirror, or the build host's Debian mirror as apt knows it. Internal to lock/.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"
#include "fetch/download.h"
#include "plan/appliance.h"
#include <stdbool.h>

struct source {
	char *uri, *suite; /* uri without a slash at the end */
};
struct sources {
	char *main, *updates, *security; /* sites; updates and security may be NULL */
	char *keyring;			 /* path on this host */
	VEC(struct source) all;		 /* what is really used, main first */
};
void sources_release(struct sources *s);
#define _cleanup_sources_ __attribute__((cleanup(sources_release)))

/* Find the sites and the keyring: no network. ERR_CONFIG when the host has no Debian source and the profile no mirror.
 */
int sources_find(const struct appliance *a, struct sources *ret, struct err *err);
/* Ask the sites which of SUITE, SUITE-updates and SUITE-security they serve, and fill `all`. */
int sources_probe(struct sources *s, const char *suite, struct err *err);
/* Remember `all` in a file, and read it back (for --offline). */
int sources_save(const struct sources *s, const char *path, struct err *err);
int sources_load(struct sources *s, const char *path, struct err *err);
