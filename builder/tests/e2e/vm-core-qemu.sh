#!/usr/bin/env bash
# The core profile from power-on, in QEMU, once: what `make appliance` does. Without KVM some minutes.
# level: check
# minutes: 6
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

scenarios core qemu --scenario first-boot
breakdown_is_whole core qemu

# What was booted has nothing of the machine that it became, and nothing of packages that make keys when they are configured.
if [ "$(id -u)" -ne 0 ]; then
    skip 'core: nothing secret in the image' 'needs root, to mount it'
    exit
fi
image_mounted "$build/test-out/core.raw" || exit
check 'and have a shadow file each, at least' test "$(find "$scratch/root" "$scratch/store" -path '*/etc/shadow' | wc -l)" -ge 2
nothing_secret core "$scratch/root" "$scratch/store"
