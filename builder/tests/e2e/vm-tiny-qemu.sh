#!/usr/bin/env bash
# The boot chain on the tiny profile in QEMU: firmware, loader, kernel, /init, verity, /var, through restarts and power cuts.
# level: check
# minutes: 13
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

scenarios tiny qemu --scenario first-boot --scenario reboot --scenario power-cut
breakdown_is_whole tiny qemu
