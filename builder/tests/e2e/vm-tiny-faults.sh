#!/usr/bin/env bash
# What the tiny profile makes of odd hardware and of faults, in QEMU: no network card, a larger disk, a wrong clock, changed bytes.
# level: check
# minutes: 9
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

args=()
for s in no-network-card larger-disk corrupt-root corrupt-store clock-2000 clock-ahead; do
    args+=(--scenario "$s")
done
scenarios tiny qemu "${args[@]}"
