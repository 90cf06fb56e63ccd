#!/usr/bin/env bash
# CouchDB from upstream's own image, booted natively and used by two claimants: what works, what is refused, what is kept,
# also when the plug is pulled while it is set up, and what a backup brings back.
# level: full
#
# The image has to be given (docs/testing.md), else this is skipped with the reason.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/fixtures.bash
. "$(dirname "$0")/fixtures.bash"

with_fixtures 'couch-test in nspawn' couchdb
mirrored couch-test
scenarios couch-test nspawn --scenario couch --scenario power-cut-couch --scenario backup-couch
listens_as_planned couch-test nspawn
pinned couch-test
