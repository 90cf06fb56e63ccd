#!/usr/bin/env bash
# The boot chain and its faults, on the tiny profile in QEMU: firmware, loader, kernel, /init, verity, /var.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

scenarios tiny qemu
