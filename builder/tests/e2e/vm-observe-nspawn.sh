#!/usr/bin/env bash
# Logs and traces in Loki and Tempo from upstream's own images, booted natively, with their chunks and blocks in buckets: sent
# and found by a claimant, what is refused, what strangers reach, what is scraped, what is there after a restart and a power cut.
# level: full
# minutes: 8
#
# Both images have to be given (docs/testing.md), else this is skipped with the reason.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/fixtures.bash
. "$(dirname "$0")/fixtures.bash"

with_fixtures 'observe-test in nspawn' loki tempo versitygw
mirrored observe-test
scenarios observe-test nspawn --scenario observe --scenario isolation
listens_as_planned observe-test nspawn
pinned observe-test
