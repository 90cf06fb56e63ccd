#!/usr/bin/env bash
# The appliance's page on a booted appliance, behind HAProxy: the start as it goes on, a service that fails, what is published
# and what is not, who reaches whom; after a restart as well.
# level: full
# minutes: 6
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

if [ "$(id -u)" -ne 0 ]; then
    skip 'page-test in nspawn' 'needs root, to mount what was built'
    exit
fi
scenarios page-test nspawn --scenario page
listens_as_planned page-test nspawn
