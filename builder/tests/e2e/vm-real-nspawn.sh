#!/usr/bin/env bash
# Every program of others that can be had, at once, offline: all of it becomes healthy and provisioned, and does its work for a client;
# what each has in memory; who reaches whom; the same after a restart, and after power cuts at 10 random moments of first boot.
# level: full
# minutes: 90
#
# The images are of qemu-test/fixtures: where one cannot be had this is skipped with the reason. KILN_TEST_SCENARIOS names other
# scenarios to play; KILN_TEST_SEED has the cuts at the same moments again.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/fixtures.bash
. "$(dirname "$0")/fixtures.bash"

with_browser 'real in nspawn'
with_fixtures 'real in nspawn' traefik oauth2-proxy keycloak haproxy valkey versitygw ferretdb kafka ollama-runner n8n n8n-runners sonarqube sonar-scanner
with_models 'real in nspawn'
mirrored real "$scratch/shipped"
read -ra play <<<"${KILN_TEST_SCENARIOS-everything isolation everything-cut-1 everything-cut-2 everything-cut-3}"
scenarios real nspawn "${play[@]/#/--scenario=}"
listens_as_planned real nspawn
pinned real
[[ " ${play[*]} " != *' everything '* ]] || breakdown_is_whole real nspawn everything
jq -r '.scenarios[] | .scenario as $s | .boots[] | select(.ready_ms) | "# \($s): ready after \(.ready_ms / 1000) s, MiB: "
    + ([.services[] | "\(.name) \((.memory.used // 0) / 1048576 | floor)"] | join(", "))' "$reports/real-nspawn/verdict.json"
