#!/usr/bin/env bash
# Single sign-on by a certificate of the site's own, installed on a machine where people have signed on before; with the
# programs that people really use, headless Chromium, and a CA of the site's that is made there.
# level: full
# minutes: 8
#
# The images are of qemu-test/fixtures: what cannot be had here is skipped with the reason. Pictures are in the report.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/fixtures.bash
. "$(dirname "$0")/fixtures.bash"

with_browser 'a site certificate before the sign-on'
with_fixtures 'a site certificate before the sign-on' traefik oauth2-proxy keycloak
mirrored edge-test
scenarios edge-test nspawn --scenario sso-site
