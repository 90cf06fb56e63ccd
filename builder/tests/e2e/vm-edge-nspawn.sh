#!/usr/bin/env bash
# Single sign-on with a real browser: the edge profile with the programs that people really use, pulled under their
# upstream names through a mirror; booted natively, used by headless Chromium, restarted, used again.
# level: check
# minutes: 5
#
# The images are of qemu-test/fixtures: what cannot be had here is skipped with the reason. Pictures are in the report.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/fixtures.bash
. "$(dirname "$0")/fixtures.bash"

with_browser 'edge in nspawn'
with_fixtures 'edge in nspawn' traefik oauth2-proxy keycloak
mirrored edge-test
scenarios edge-test nspawn --scenario sso
listens_as_planned edge-test nspawn
pinned edge-test
