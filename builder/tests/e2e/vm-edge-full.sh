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
pinned edge-test
# Java changes code that runs. QEMU's emulation of several processors executes stale instructions then, now and again (8 crashes of
# Keycloak in two boots, each of which it came back from); that of one does not.
echo 'machine: {cpus: 1}' >>"$(profile_file edge-test)"
play qemu "${qemu[@]}"
