/* Binary packages, deb(5): an ar archive of debian-binary, control.tar.* and data.tar.*. Everything in them is taken
 * for hostile. */
#pragma once
#include "base/err.h"
#include "base/str.h"

/*
 * Open the package `path` into the empty directory `dirfd`:
 *   data/     its files, with owner, mode and time
 *   control/  its control members
 *   list      the paths of data/ in the archive's order, in the form of dpkg's info/NAME.list
 * Refused, with nothing outside `dirfd` touched: absolute paths, "..", parents that are links, devices, hard links to
 * what is not in the archive, members given twice, truncated and overlong data. The bytes are hashed as they are read:
 * when `sha256` is set and differs, that is the error, whatever else is wrong. To be called in kiln's user namespace,
 * so that owners can be set.
 */
int deb_unpack(const char *path, const char *sha256, int dirfd, struct err *err);
/*
 * The text of a package's control file, appended to `ret`: read from the start of the package, nothing is written and
 * no digest is checked. Refused: one of more than a MiB, and what deb_unpack refuses of the archive so far.
 */
int deb_control(const char *path, struct strbuf *ret, struct err *err);
