#!/usr/bin/env bash
# CouchDB with three nodes from upstream's own image, booted natively: they find one another, and one at a time may be away.
# level: full
#
# The image has to be given (docs/testing.md), else this is skipped with the reason.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/fixtures.bash
. "$(dirname "$0")/fixtures.bash"

with_fixtures 'couch-nodes-test in nspawn' couchdb
mirrored couch-nodes-test
scenarios couch-nodes-test nspawn --scenario couch-nodes
listens_as_planned couch-nodes-test nspawn
