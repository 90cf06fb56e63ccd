#!/usr/bin/env bash
# Images for AMD's and Intel's GPUs, on a machine without one.
# level: full
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/builds.bash
. "$(dirname "$0")/builds.bash"

# Microcode: in front of the initrd that the machine starts with, not compressed, and all that the packages have.
# shellcheck disable=SC2128 # a function of builds.bash has an array of that name
said=$("$kiln" build "$(profile_file gpu-test)" --cache "$(test_cache)" --out "$build/test-out" --explain 2>&1)
echo "$said" >"$scratch/said"
uki=$(step_output "$(test_cache)" esp "$scratch/said")/uki
check 'the UKI has an initrd' objcopy -O binary --only-section=.initrd "$uki" "$scratch/initrd"
mkdir "$scratch/early"
same 'which begins with microcode, then comes what is compressed' 'kernel
kernel/x86
kernel/x86/microcode
kernel/x86/microcode/GenuineIntel.bin
kernel/x86/microcode/AuthenticAMD.bin
zstd' "$("$(dirname "$0")/initrd-parts.py" "$scratch/initrd" "$scratch/early" 2>&1)"
check 'the OS has the same' unsquashfs -q -n -d "$scratch/root" "$(step_output "$(test_cache)" root "$scratch/said")/root.squashfs" \
    usr/lib/firmware/intel-ucode usr/lib/firmware/amd-ucode
# whole VENDOR FILE...: what is in front is all of them, one after the other
whole() { cat "${@:2}" | cmp - "$scratch/early/kernel/x86/microcode/$1.bin"; }
LC_ALL=C # the order of names
check "Intel's is whole" whole GenuineIntel "$scratch"/root/usr/lib/firmware/intel-ucode/*
check "AMD's is whole" whole AuthenticAMD "$scratch"/root/usr/lib/firmware/amd-ucode/microcode_amd*.bin

if [ "$(id -u)" -ne 0 ]; then
    skip 'gpu-test and gpu-intel-test in nspawn' 'needs root, to mount what was built'
    exit
fi
scenarios gpu-test nspawn --scenario no-gpu
scenarios gpu-intel-test nspawn --scenario no-gpu
