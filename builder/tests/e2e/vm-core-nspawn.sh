#!/usr/bin/env bash
# The core profile with a client of everything, booted natively: first boot, functions, flows, restarts, power cuts.
# level: check
# minutes: 10
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

if [ "$(id -u)" -ne 0 ]; then
    skip 'core in nspawn' 'needs root, to mount what was built'
    exit
fi
scenarios core-test nspawn
listens_as_planned core-test nspawn
breakdown_is_whole core-test nspawn
scenarios ha nspawn --scenario failover
