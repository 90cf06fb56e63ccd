#!/usr/bin/env bash
# The core profile from power-on, in QEMU, once: what `make appliance` does. Without KVM some minutes.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

scenarios core qemu --scenario first-boot
