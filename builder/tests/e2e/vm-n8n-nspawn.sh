#!/usr/bin/env bash
# n8n in queue mode from upstream's own image, booted natively: workflows made by its API, run by its worker through the
# queue and their code beside it; what waits without a worker, what is refused, what is left after a restart.
# level: full
# minutes: 10
#
# The images are of qemu-test/fixtures: where they cannot be had this is skipped with the reason.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/fixtures.bash
. "$(dirname "$0")/fixtures.bash"

with_fixtures 'n8n-test in nspawn' n8n n8n-runners
mirrored n8n-test
scenarios n8n-test nspawn --scenario n8n
listens_as_planned n8n-test nspawn
pinned n8n-test
