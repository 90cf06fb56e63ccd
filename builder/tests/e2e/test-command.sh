#!/usr/bin/env bash
# kiln test from the command line: what it refuses, exit codes, the reports, and that nothing is left when it is stopped.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

tiny=$repo/qemu-test/profiles/tiny.yaml
refused 'no target' 1 'kiln: error: test: a profile or an image is missing
kiln: hint: for example: kiln test core' "$kiln" test
refused 'two targets' 1 'kiln: error: test: one profile or image at a time, found "b" as well' "$kiln" test a b
refused 'an unknown engine names the nearest' 1 'kiln: error: test: unknown engine "nspwan"
kiln: hint: did you mean "nspawn"?' "$kiln" test "$tiny" --engine nspwan
refused 'an option without its value' 1 'kiln: error: --junit needs a value' "$kiln" test "$tiny" --junit
refused 'a seed that is none' 1 'kiln: error: test: --seed: expected a number below 2^48, found "281474976710656"' "$kiln" test "$tiny" --seed 281474976710656

# Images that are none.
mkdir "$scratch/dir"
printf 'QFI\xfb' >"$scratch/disk.qcow2"
truncate -s 4096 "$scratch/empty.raw"
refused 'qcow2' 1 "kiln: error: $scratch/disk.qcow2 is a qcow2 image; what kiln boots is a raw one
kiln: hint: qemu-img convert -f qcow2 -O raw $scratch/disk.qcow2 disk.raw" "$kiln" test "$scratch/disk.qcow2"
refused 'not a disk' 5 "kiln: error: $scratch/empty.raw is no disk image: it has no GPT" "$kiln" test "$scratch/empty.raw"
refused 'a directory' 1 "kiln: error: $scratch/dir: expected a profile or a disk image, found a directory" "$kiln" test "$scratch/dir"
refused 'no such image' 6 "kiln: error: open image $scratch/none.raw: No such file or directory
kiln: hint: \"kiln build PROFILE\" makes out/NAME.raw" "$kiln" test "$scratch/none.raw"

if [ "$(id -u)" -ne 0 ]; then
    skip 'tiny in nspawn' 'needs root, to mount what was built'
    exit
fi

# The tiny profile beside scenarios of this test's own.
site=$scratch/site
mkdir -p "$site/profiles" "$site/qemu-test" "$scratch/tmp"
cp -r "$repo/qemu-test/overlays" "$site/overlays"
cp "$tiny" "$site/profiles/tiny.yaml"
[ ! -e "${tiny%.yaml}.lock" ] || cp "${tiny%.yaml}.lock" "$site/profiles/"
export KILN_DATA=$repo TMPDIR=$scratch/tmp
printf '%s\n' 'scenario: it-works' 'summary: passes' 'steps:' '  - boot: {}' '  - ready: {}' '  - screenshot: {}' >"$site/qemu-test/it-works.yaml"
printf '%s\n' 'scenario: it-fails' 'summary: fails' 'steps:' '  - boot: {}' '  - ready: {}' \
    '  - run: {command: [sh, -c, "printf \"<b>\\033[31m\\377\"; exit 3"]}' >"$site/qemu-test/it-fails.yaml"
printf '%s\n' 'scenario: it-shares' 'summary: fails' 'steps:' '  - boot: {}' '  - ready: {}' '  - run: {command: [seq, "3"], save: x}' \
    '  - run: {command: [seq, "4", "5"], apart: x}' '  - run: {command: [seq, "3", "5"], apart: x}' >"$site/qemu-test/it-shares.yaml"
printf '%s\n' 'scenario: it-stays' 'summary: takes long' 'steps:' '  - boot: {}' '  - ready: {}' '  - run: {command: [sleep, "500"], within: 500s}' >"$site/qemu-test/it-stays.yaml"

# kiln test of the site's profile, natively
play=("$kiln" test "$site/profiles/tiny.yaml" --engine nspawn --cache "$(test_cache)" --out "$scratch/out")
left() { # what a test left on this machine
    grep -F "$scratch/tmp" /proc/self/mountinfo
    losetup --list --noheadings -O BACK-FILE | grep -F "$scratch/tmp"
    ls -A "$scratch/tmp"
    pgrep -af "systemd-nspawn.*$scratch/tmp"
    return 0
}

check 'tiny is built' "$kiln" build "$site/profiles/tiny.yaml" --cache "$(test_cache)" --out "$scratch/out"
said=$("${play[@]}" --scenario it-wroks 2>&1 >/dev/null)
same 'an unknown scenario: status' 1 "$("${play[@]}" --scenario it-wroks >/dev/null 2>&1; echo $?)"
same 'an unknown scenario names the nearest' "kiln: error: test: unknown scenario \"it-wroks\"
kiln: hint: did you mean 'it-works'?" "$(grep '^kiln:' <<<"$said")"
same 'an unknown scenario is told before anything is built' '' "$("$kiln" test "$site/profiles/tiny.yaml" --cache "$scratch/empty-cache" --out "$scratch/empty-out" \
    --scenario nosuch 2>/dev/null; ls -d "$scratch"/empty-* 2>/dev/null)"

# Two scenarios, one of which fails.
"${play[@]}" --scenario it-works --scenario it-fails --json --junit "$scratch/junit.xml" --report "$scratch/report" >"$scratch/verdict" 2>"$scratch/said"
same 'a failed scenario: status 8' 8 $?
same 'the error counts them' 'kiln: error: 1 of 2 scenarios failed' "$(grep '^kiln: error' "$scratch/said")"
same '--json is one document' 'it-fails failed it-works passed' "$(jq -rs 'if length == 1 then [.[0].scenarios[] | .scenario, .outcome] | join(" ") else "\(length) documents" end' "$scratch/verdict")"
same 'verdict.json is the same document' "$(jq -S . "$scratch/verdict")" "$(jq -S . "$scratch/report/verdict.json")"
same 'what the machine printed is in it, made harmless' $'ended with status 3, expected 0\n<b>\ufffd' \
    "$(jq -r '.scenarios[0].steps[] | select(.outcome == "failed").detail' "$scratch/verdict")"
check '--junit writes what the report has' cmp "$scratch/junit.xml" "$scratch/report/junit.xml"
check 'JUnit is XML' python3 -c 'import sys, xml.dom.minidom as m; d = m.parse(sys.argv[1]); assert [s.getAttribute("failures") for s in d.getElementsByTagName("testsuite")] == ["1", "0"]' "$scratch/junit.xml"
check 'the page names both' grep -q 'it-works' "$scratch/report/index.html"
same 'nothing is left' '' "$(left)"
same 'what two outputs have in common is named' 'has a line in common with "x": 3' \
    "$("${play[@]}" --scenario it-shares --json 2>/dev/null | jq -r '.scenarios[0].steps[-1].detail')"

# Stopped while a command runs on the machine.
stop() { # NAME SIGNAL STATUS
    local pid begun=$SECONDS status
    "${play[@]}" --scenario it-stays --report "$scratch/stopped" >"$scratch/said" 2>&1 &
    pid=$!
    for _ in $(seq 900); do
        grep -q 'nspawn *ready' "$scratch/said" && break
        sleep 0.2
    done
    sleep 1
    kill "-$2" "$pid"
    wait "$pid"
    status=$?
    same "$1: status" "$3" "$status"
    for _ in $(seq 50); do # after a kill the kernel is at work a moment longer
        [ "$2" = KILL ] && rm -rf "$scratch"/tmp/kiln-vm.* 2>/dev/null # all that a kill leaves
        [ -z "$(left)" ] && break
        sleep 0.2
    done
    same "$1: no mount, loop device, process or scratch directory is left" '' "$(left)"
    [ $((SECONDS - begun)) -lt 300 ] || not_ok "$1: at once" "$((SECONDS - begun)) s"
}
stop 'SIGTERM' TERM 8
same 'a stopped test says so' 'kiln: error: interrupted' "$(grep '^kiln: error' "$scratch/said")"
same 'its report calls it failed' failed "$(jq -r '.scenarios[0].outcome' "$scratch/stopped/verdict.json")"
stop 'Ctrl-C' INT 8
stop 'kill -9' KILL 137
