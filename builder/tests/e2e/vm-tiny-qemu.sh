#!/usr/bin/env bash
# The boot chain and its faults, on the tiny profile in QEMU: firmware, loader, kernel, /init, verity, /var.
# level: check
# minutes: 13
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

args=()
for s in first-boot reboot power-cut no-network-card larger-disk corrupt-root corrupt-store clock-2000 clock-ahead; do
    args+=(--scenario "$s")
done
scenarios tiny qemu "${args[@]}"
breakdown_is_whole tiny qemu
