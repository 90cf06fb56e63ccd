/*
 * The signature of a kernel module: CMS over the whole module, without the certificate, then 12 bytes of which the last
 * four are its length, then a line (Linux, include/linux/module_signature.h).
 */
#pragma once
#include "base/err.h"
#include <stddef.h>

/*
 * Is the module signed by the key of this certificate (DER), and by no other? ERR_TOOL says what it is instead. As the
 * kernel, this looks neither at dates nor at who issued the certificate.
 */
int modsign_check(const char *module, size_t len, const char *certificate, size_t certificate_len, struct err *err);
