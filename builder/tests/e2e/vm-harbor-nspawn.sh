#!/usr/bin/env bash
# Harbor from upstream's own images, booted natively, with Keycloak, PostgreSQL and a bucket: images pushed and pulled by its
# claimants and by the appliance's podman, what is refused, people who sign on, bytes collected, a restart; a first start cut off.
# level: full
# minutes: 15
#
# The images are of qemu-test/fixtures: those of Harbor's own three programs cannot be made and have to be given, else this is
# skipped with the reason.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/fixtures.bash
. "$(dirname "$0")/fixtures.bash"

with_browser 'harbor-test in nspawn'
with_fixtures 'harbor-test in nspawn' harbor-core harbor-jobservice harbor-registryctl harbor-registry harbor-portal traefik keycloak versitygw
mirrored harbor-test
scenarios harbor-test nspawn --scenario harbor --scenario harbor-cut
listens_as_planned harbor-test nspawn
pinned harbor-test
