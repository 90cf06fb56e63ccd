#!/usr/bin/env bash
# kiln run: a machine for a person. The ssh line that is printed works, a published port answers, Ctrl-C ends it.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

profile=$(profile_file tiny)
said=$scratch/said
mkdir "$scratch/tmp"
: >"$said"
TMPDIR=$scratch/tmp "$kiln" run "$profile" --cache "$(test_cache)" --out "$build/test-out" >"$said" 2>"$scratch/err" &
pid=$!
at_exit eval "kill -KILL $pid 2>/dev/null"
for ((i = 0; i < 1200; i++)); do # it may have to be built first
    grep -q '^Ctrl-C' "$said" && break
    kill -0 $pid 2>/dev/null || break
    sleep 1
done
if ! grep -q '^Ctrl-C' "$said"; then
    not_ok 'kiln run starts a machine' "$(tail -n 20 "$said" "$scratch/err")"
    exit
fi
ok 'kiln run starts a machine'
read -ra ssh < <(head -n 1 "$said")
port=$(sed -nE 's/^127\.0\.0\.1:([0-9]+) -> port 80 .*/\1/p' "$said")
within() { # SECONDS COMMAND...: again and again until it succeeds
    local end=$((SECONDS + $1))
    shift
    until "$@" 2>"$scratch/last"; do
        [ $SECONDS -lt $end ] || { cat "$scratch/last" && return 1; }
        sleep 3
    done
}
check 'the ssh line that it prints leads into it' within 600 timeout 60 "${ssh[@]}" kiln-agent status
check 'a published port answers here' within 600 curl -sf -o /dev/null --max-time 10 "http://127.0.0.1:$port/healthz"
same 'its console is shown' yes "$(grep -q 'kiln' <(tail -n +4 "$said") && echo yes)"
kill -INT $pid
wait $pid
same 'Ctrl-C ends it, with 0' 0 $?
same 'nothing of it stays' '' "$(ls -A "$scratch/tmp")"
