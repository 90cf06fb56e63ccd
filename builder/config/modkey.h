/* The key that signs kernel modules: one PEM file with a private key and its certificate, as sign-file reads it. */
#pragma once
#include "base/err.h"
#include "base/str.h"

/* ERR_CONFIG when the text is not that, without a file name: the key is RSA, as its signatures are the same each time.
 */
int modkey_check(const char *pem, struct err *err);
/* A new key with a certificate of its own. The caller wipes and frees it. */
char *modkey_make(struct err *err);
/* Of a text that modkey_check takes: its certificate, DER, as a firmware reads it. */
int modkey_certificate(const char *pem, struct strbuf *ret, struct err *err);
