#!/usr/bin/env bash
# S3 by Silo from upstream's own image, booted natively and used by its claimants: what works, what is refused, its metrics, a
# renewed certificate, what is kept, also when the plug is pulled while it is set up, and what a backup brings back.
# level: full
# minutes: 10
#
# The image cannot be made here and has to be given, else this is skipped with the reason.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/fixtures.bash
. "$(dirname "$0")/fixtures.bash"

with_fixtures 'silo-test in nspawn' silo
mirrored silo-test
scenarios silo-test nspawn --scenario silo --scenario power-cut-silo --scenario backup-silo --scenario isolation
listens_as_planned silo-test nspawn
pinned silo-test
