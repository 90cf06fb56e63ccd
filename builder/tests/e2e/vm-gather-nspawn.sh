#!/usr/bin/env bash
# Alloy from upstream's own image, booted natively, before Loki, Tempo and Prometheus: the journal with the lines of containers,
# what a claimant sends by OTLP, what is refused, who reaches what, a Loki that was away, a restart, a power cut.
# level: full
# minutes: 8
#
# Its images have to be given (docs/testing.md), else this is skipped with the reason.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/fixtures.bash
. "$(dirname "$0")/fixtures.bash"

with_fixtures 'gather-test in nspawn' alloy loki tempo
mirrored gather-test
scenarios gather-test nspawn --scenario gather
listens_as_planned gather-test nspawn
pinned gather-test
