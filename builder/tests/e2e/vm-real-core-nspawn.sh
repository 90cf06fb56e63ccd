#!/usr/bin/env bash
# The core profile with the programs that people really use, in images as upstream makes them, pulled under their upstream names through the
# mirror of a profile from a registry with TLS and a password; built, booted natively, used.
# level: full
#
# The images are of qemu-test/fixtures: what cannot be had here is skipped with the reason.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/fixtures.bash
. "$(dirname "$0")/fixtures.bash"

with_fixtures 'real-core in nspawn' traefik valkey haproxy
mirrored real-core
scenarios real-core nspawn --scenario front-door --scenario functions --scenario isolation --scenario images --scenario first-boot --scenario reboot --scenario storage-check
listens_as_planned real-core nspawn
pinned real-core
mirrored real-ha
scenarios real-ha nspawn --scenario failover
