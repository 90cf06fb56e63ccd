#!/usr/bin/env bash
# S3 and MongoDB's protocol from upstream's own images, booted natively and used by their claimants: what works, what is
# refused, what is kept, also when the plug is pulled while they are set up, and what a backup brings back, from a disk
# and from a bucket.
# level: full
#
# The images are of qemu-test/fixtures: what cannot be had here is skipped with the reason.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/fixtures.bash
. "$(dirname "$0")/fixtures.bash"

with_fixtures 'data-test in nspawn' versitygw ferretdb
mirrored data-test
scenarios data-test nspawn --scenario stores --scenario power-cut-stores --scenario backup-stores --scenario isolation
listens_as_planned data-test nspawn
pinned data-test
mirrored bucket-test
scenarios bucket-test nspawn --scenario backup-bucket
