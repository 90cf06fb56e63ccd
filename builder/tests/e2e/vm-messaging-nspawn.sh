#!/usr/bin/env bash
# Kafka with three brokers from upstream's own image, booted natively and used by its claimants: what works, what is refused,
# what is left when a broker is lost and after restarts.
# level: full
# minutes: 12
#
# The image is of qemu-test/fixtures: where it cannot be had this is skipped with the reason.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/fixtures.bash
. "$(dirname "$0")/fixtures.bash"

with_fixtures 'messaging-test in nspawn' kafka
mirrored messaging-test
scenarios messaging-test nspawn --scenario messaging
listens_as_planned messaging-test nspawn
pinned messaging-test
