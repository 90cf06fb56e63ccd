#!/usr/bin/env bash
# What kiln test makes of a fault of QEMU's emulation: it says so, and plays the scenario again, three times at most.
# level: full
# minutes: 4
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

if [ "$(cut -d ' ' -f 2 "$(test_cache)/kvm" 2>/dev/null)" = kvm ]; then
    skip 'a fault of the emulation' 'a kernel boots on KVM here'
    exit
fi
mkdir -p "$scratch/qemu-test" "$scratch/overlays"
check 'tiny is built' "$kiln" build "$(profile_file tiny)" --cache "$(test_cache)" --out "$scratch"
# Each write changes instructions of the scheduler, while the other processor schedules: it meets stale ones soon.
cat >"$scratch/qemu-test/emulator.yaml" <<'YAML'
scenario: emulator
summary: The kernel changes its own code until a processor runs what was there before
machine: {memory: 1G, disk: 2G, cpus: 2}
steps:
  - boot: {}
  - ready: {within: 300s}
  - run:
      name: the scheduler's code is changed
      within: 40s
      command: [sh, -c, "yes | cat >/dev/null & for i in $(seq 3000); do echo $((i % 2)) >/proc/sys/kernel/sched_schedstats; done; pkill yes"]
YAML
export KILN_DATA=$repo
cd "$scratch" || exit 1
"$kiln" test "$scratch/tiny.raw" --engine qemu --scenario emulator --cache "$(test_cache)" --report "$reports/tiny-qemu" >out.txt 2>err.txt
same 'a fault each time is a failure in the end' 8 $?
# shellcheck disable=SC2016
fault='QEMU'"'"'s emulation ran stale instructions ("int3" on the console)'
same 'it is said, and played again, twice' "kiln: warning: emulator: $fault, no fault of the appliance: it is played again
kiln: warning: emulator: $fault, no fault of the appliance: it is played again" "$(grep '^kiln: warning' err.txt)"
same 'the verdict has it' "played again
$fault" "$(jq -r '.scenarios[0].steps[0] | .name, .detail' "$reports/tiny-qemu/verdict.json")"
