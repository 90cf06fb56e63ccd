#!/usr/bin/env bash
# The firmware set of each kind of GPU is solved from Debian's packages: what a profile for it gets is in its lock.
# level: full
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

data=$scratch/data
data_copy "$data"
export KILN_DATA=$data
# locked KIND COMPONENTS: tiny, for this kind of GPU
locked() {
    printf '%s\n' "profile: $1" 'extends: tiny' 'kernel: full' "components: [$2]" "gpu: $1" >"$data/qemu-test/profiles/$1.yaml"
    check "the lock for $1" "$kiln" -q lock "$data/qemu-test/profiles/$1.yaml" --cache "$(test_cache)"
}
# has KIND TREE PACKAGE...: the tree's set in the lock has them, each pinned by its SHA-256
has() {
    local lock=$data/qemu-test/profiles/$1.lock tree=$2
    shift 2
    jq -e --arg tree "$tree" '. as $lock | .sets[$tree] as $set | $ARGS.positional | all(. as $name
        | any($set[]; split(":")[0] == $name and ($lock.packages[.].sha256 | test("^[0-9a-f]{64}$"))))' "$lock" --args "$@"
}
locked amd 'main, non-free-firmware'
check "AMD's firmware is in the OS" has amd os firmware-amd-graphics
locked intel 'main, non-free-firmware'
check "Intel's firmware is in the OS" has intel os firmware-intel-graphics
locked nvidia 'main, contrib, non-free, non-free-firmware'
check "NVIDIA's firmware and libraries are in the OS" has nvidia os firmware-nvidia-gsp libcuda1 libnvidia-ml1 libnvidia-ptxjitcompiler1 nvidia-smi
check 'and the sources of its modules in a tree of their own' has nvidia build/gpu-nvidia nvidia-open-kernel-dkms make
version() { jq -r --arg name "$2" '.packages | to_entries[] | select(.key | startswith($name + ":")).value.version' "$data/qemu-test/profiles/$1.lock" | cut -d - -f 1; }
same 'libraries and modules have one version' "$(version nvidia libcuda1)" "$(version nvidia nvidia-open-kernel-dkms)"
same 'and so has the firmware' "$(version nvidia libcuda1)" "$(version nvidia firmware-nvidia-gsp)"
has_not() { ! has "$@"; }
check 'none has what another kind needs' has_not amd os firmware-intel-graphics
