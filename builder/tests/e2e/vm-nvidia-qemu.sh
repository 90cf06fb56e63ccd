#!/usr/bin/env bash
# NVIDIA's modules: built for the image's kernel, once, and loaded in QEMU as far as a machine without a GPU allows.
# level: full
# minutes: 20
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/builds.bash
. "$(dirname "$0")/builds.bash"
# shellcheck source=builder/tests/e2e/modsign.bash
. "$(dirname "$0")/modsign.bash"

# shellcheck disable=SC2128 # a function of builds.bash has an array of that name
build() { "$kiln" build "$(profile_file nvidia-test)" --cache "$(test_cache)" --out "$build/test-out" --explain; }
check 'an image for NVIDIA is built' build
build >"$scratch/again" 2>&1
check 'a second build compiles nothing' grep -qE '^  modules-gpu-nvidia +[0-9a-f]{12}  is in the cache$' "$scratch/again"
same 'and runs no step' '' "$(grep -E '^  [a-z-]+ +[0-9a-f]{12}  runs' "$scratch/again")"
check 'the image has them' unsquashfs -q -n -d "$scratch/root" "$(step_output "$(test_cache)" root "$scratch/again")/root.squashfs" 'usr/lib/modules/*/updates' usr/lib/kiln/modules.der
modules=("$scratch"/root/usr/lib/modules/*/updates/nvidia*.ko)
same 'all four' 4 ${#modules[@]}
modules_signed "$scratch/root/usr/lib/kiln/modules.der" "${modules[@]}"
scenarios nvidia-test qemu --scenario nvidia
