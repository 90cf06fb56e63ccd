/*
 * The site's own certificate, served by the front door in place of one of the appliance's CA: STATE/site.pem, brought
 * by a person, in no image. One file, so that a power cut leaves the old pair or the new one; in it the key, the
 * certificate, those of its issuers in order, and last the root, which containers trust.
 */
#pragma once
#include "base/err.h"
#include "target/agent/agent.h"
#include "target/agent/x509.h"

struct site {
	char *key, *served, *root; /* PEM; `served` is what a server sends: all but the root */
	STACK_OF(X509) * chain;	   /* the site's first, the root last */
};
void site_release(struct site *s);
#define _cleanup_site_ __attribute__((cleanup(site_release)))

char *site_path(const struct agent *a);
/* Returns 1, 0 when there is none, or -1 when what is there cannot be used. */
int site_read(const struct agent *a, struct site *s, struct err *err);
/*
 * Make the file's content of what a person brings (PEM; the same path for both is fine; certificates in any order). It
 * is checked that key and certificate belong together, that it is for the names that services serve, that this is
 * within its life, and that it leads to a root, which is among the certificates or that of the present file. Whom that
 * does not hold for is told what to do.
 */
int site_compose(
	const struct agent *a, const char *cert_path, const char *key_path, struct strbuf *content, struct err *err);
/* What containers trust, as PEM: the appliance's CA and the site's root. The caller frees it. */
char *site_trust(const struct agent *a, struct err *err);
/* Append to the status's problems: a file that cannot be used, a certificate that ends soon. */
void site_problems(const struct agent *a, json_t *list);
