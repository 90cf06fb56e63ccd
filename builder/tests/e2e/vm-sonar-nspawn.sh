#!/usr/bin/env bash
# SonarQube from upstream's own image, booted natively: an analysis sent with the token of a claim by upstream's scanner, what is
# found, what is refused, what a restart leaves.
# level: full
# minutes: 15
#
# The images are of qemu-test/fixtures: where one cannot be had this is skipped with the reason.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/fixtures.bash
. "$(dirname "$0")/fixtures.bash"

with_fixtures 'sonar-test in nspawn' traefik sonarqube sonar-scanner
mirrored sonar-test
scenarios sonar-test nspawn --scenario sonar --scenario sonar-cut
listens_as_planned sonar-test nspawn
pinned sonar-test
