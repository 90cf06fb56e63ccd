#!/usr/bin/env bash
# Single sign-on through power cuts in first boot, what a restart keeps; then the visit of a browser once more, to the same
# appliance booted from power-on in QEMU.
# level: full
# minutes: 60
#
# KILN_TEST_SCENARIOS names others to play natively, KILN_TEST_QEMU others in QEMU; empty: none.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/fixtures.bash
. "$(dirname "$0")/fixtures.bash"

with_browser 'edge in full'
with_fixtures 'edge in full' traefik oauth2-proxy keycloak
mirrored edge-test
play() { # ENGINE SCENARIO...
    [ $# -gt 1 ] || return 0
    local names=("${@:2}")
    scenarios edge-test "$1" "${names[@]/#/--scenario=}"
    listens_as_planned edge-test "$1"
}
read -ra native <<<"${KILN_TEST_SCENARIOS-sso-power-cut first-boot reboot}"
read -ra qemu <<<"${KILN_TEST_QEMU-sso}"
play nspawn "${native[@]}"
# QEMU's emulation of two processors runs stale instructions now and again where a program changes its code, as Java does: Keycloak
# crashed twice in one boot and six times in another, and came back each time. That of one is so slow that it times out instead.
play qemu "${qemu[@]}"
pinned edge-test
