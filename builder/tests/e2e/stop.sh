#!/usr/bin/env bash
# The runner of the tests, told to end: so do its tests, within seconds, whatever they make of it, and nothing of them is left.
# Without room for its tests it begins none.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

mkdir -p "$scratch/tests/e2e" "$scratch/tmp" "$scratch/build"
cp "$repo/builder/tests/run" "$scratch/tests/run"
cp "$repo/builder/tests/e2e/lib.bash" "$scratch/tests/e2e/lib.bash"
cat >"$scratch/tests/e2e/polite.sh" <<'SH'
# level: quick
. "$(dirname "$0")/lib.bash"
at_exit touch "$SEEN/polite-cleaned"
setsid sleep 1000 &
touch "$SEEN/polite"
sleep 1000
SH
# It does not listen, nor do its children; one is in no group and has no mark of its own.
cat >"$scratch/tests/e2e/stubborn.sh" <<'SH'
# level: quick
. "$(dirname "$0")/lib.bash"
trap '' TERM
env -i sleep 1000 &
echo $! >"$SEEN/unmarked"
setsid sleep 1000 &
mkdir "$scratch/in" "$scratch/in/mounted"
[ "$(id -u)" -ne 0 ] || mount -t tmpfs none "$scratch/in/mounted"
touch "$SEEN/stubborn"
while :; do sleep 1; done
SH
left() { # processes with the mark of that runner, mounts and scratch directories
    grep -lzs "^KILN_TEST_MARK=$pid\\." /proc/[0-9]*/environ
    grep -F "$scratch/tmp" /proc/self/mountinfo
    ls -A "$scratch/tmp"
}
env -u KILN_TEST_SCRATCH SEEN="$scratch" TMPDIR="$scratch/tmp" KILN_TEST_JOBS=2 bash "$scratch/tests/run" quick "$scratch/build" \
    >"$scratch/said" 2>&1 &
pid=$!
at_exit eval "kill -KILL $pid 2>/dev/null"
for _ in $(seq 300); do
    [ -e "$scratch/polite" ] && [ -e "$scratch/stubborn" ] && break
    sleep 0.2
done
same 'two tests run' 2 "$(find "$scratch/tmp" -maxdepth 1 -name 'kiln-test.*' | wc -l)"
kill -TERM "$pid"
for _ in $(seq 150); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.2
done
kill -KILL "$pid" 2>/dev/null
wait "$pid" 2>/dev/null
same 'the runner ends, within seconds' 130 $?
check 'who listens has cleaned up' test -e "$scratch/polite-cleaned"
for _ in $(seq 25); do # what is killed is gone a moment later
    [ -z "$(left)" ] && break
    sleep 0.2
done
same 'nothing of them is left' '' "$(left)"
same 'nor what has no mark' '' "$(tr '\0' ' ' 2>/dev/null <"/proc/$(cat "$scratch/unmarked")/cmdline")"

if mkdir "$scratch/small" && mount -t tmpfs -o size=4m none "$scratch/small" 2>/dev/null; then
    at_exit umount "$scratch/small"
    rm -f "$scratch/polite"
    same 'without room it says what it needs' "the tests of quick need 400 MiB in $scratch/small, and there are 4: free some space, or name other places, with B= for builds and the cache of tests, TMPDIR= for the rest
0 passed, 1 failed, 0 skipped" "$(env -u KILN_TEST_SCRATCH SEEN="$scratch" TMPDIR="$scratch/small" bash "$scratch/tests/run" quick "$scratch/build" 2>&1)"
    check 'and begins nothing' test ! -e "$scratch/polite"
else
    skip 'no room for tests' 'no tmpfs can be mounted here'
fi
