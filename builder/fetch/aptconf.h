/*
 * What the build host's apt says about reaching the network: proxies and their like (apt.conf(5), "Acquire"). Read with
 * `apt-config`, so that every place and format apt knows is honoured. A host without apt has an empty configuration.
 */
#pragma once
#include "base/err.h"
#include "base/vec.h"

struct apt_setting {
	char *key, *value; /* "Acquire::http::Proxy" */
};
struct apt_conf {
	VEC(struct apt_setting) all;
};
int apt_conf_read(struct apt_conf *c, struct err *err);
void apt_conf_release(struct apt_conf *c);
#define _cleanup_apt_conf_ __attribute__((cleanup(apt_conf_release)))

/* The value of a key (case does not matter), or NULL when it is unset or empty. */
const char *apt_conf_get(const struct apt_conf *c, const char *key);
/* The proxy for an http(s) address: "" for none at all, NULL when apt has no opinion (then the environment counts). */
const char *apt_conf_proxy(const struct apt_conf *c, const char *uri);
