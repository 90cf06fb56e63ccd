/*
 * Certificates that are trusted, as Java reads them: a PKCS#12 store (RFC 7292). It has neither encryption nor a MAC,
 * so Java 11 and later open it without a password and with any: there is nothing secret in it, and who could change it
 * could change the PEM beside it as well.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"

/* The certificates of the PEM text, in its order, as the DER of such a store. The same text gives the same bytes. */
int truststore_make(const char *pem, struct strbuf *out, struct err *err);
