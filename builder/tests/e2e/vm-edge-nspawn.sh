#!/usr/bin/env bash
# Single sign-on with a real browser: the edge profile with the programs that people really use, pulled under their
# upstream names through a mirror; booted natively, used by headless Chromium, restarted, used again; who reaches whom in it.
# level: check
# minutes: 7
#
# The images are of qemu-test/fixtures: what cannot be had here is skipped with the reason. Pictures are in the report.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/fixtures.bash
. "$(dirname "$0")/fixtures.bash"

with_browser 'edge in nspawn'
with_fixtures 'edge in nspawn' traefik oauth2-proxy keycloak
mirrored edge-test
scenarios edge-test nspawn --scenario sso --scenario isolation
listens_as_planned edge-test nspawn
pictured edge-test nspawn sso-first-0{1-login,2-refused,3-change,4-page,5-home,6-dashboard,7-signed-off,8-administration,9-forbidden} \
    sso-again-0{1-refused,2-signed-off,3-forbidden}
pinned edge-test
