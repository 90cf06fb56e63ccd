#!/usr/bin/env bash
# A kernel module that was built for the image, loaded by its kernel in QEMU.
# level: full
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

scenarios modules-test qemu --scenario modules
