#!/usr/bin/env bash
# An image for a kind of GPU, on a machine without one.
# level: full
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

if [ "$(id -u)" -ne 0 ]; then
    skip 'gpu-test in nspawn' 'needs root, to mount what was built'
    exit
fi
scenarios gpu-test nspawn --scenario no-gpu
