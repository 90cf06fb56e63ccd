#!/usr/bin/env bash
# What takes long: everything that is for them, in QEMU, for every test profile.
# level: full
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

scenarios tiny qemu
scenarios core-test qemu
[ "$(id -u)" -ne 0 ] || scenarios ha nspawn
