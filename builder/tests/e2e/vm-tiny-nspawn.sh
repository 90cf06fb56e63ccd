#!/usr/bin/env bash
# What does not need the boot chain, on the tiny profile, natively.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

if [ "$(id -u)" -ne 0 ]; then
    skip 'tiny in nspawn' 'needs root, to mount what was built'
    exit
fi
scenarios tiny nspawn
listens_as_planned tiny nspawn
breakdown_is_whole tiny nspawn
