/* Debian versions: [EPOCH:]UPSTREAM[-REVISION] (policy 5.6.12). */
#pragma once

/* Which is later, as dpkg has it: less than, equal to or greater than 0. Any text has a place in this order. */
int deb_version_compare(const char *a, const char *b);
