#!/usr/bin/env bash
# What a machine tells the test that runs it: lines of JSON when something changes, all of it when ready and at the end.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

if [ "$(id -u)" -ne 0 ]; then
    skip 'report to a socket' 'needs root, for a /run of its own'
    exit
fi
cat >"$scratch/machine.json" <<'JSON'
{"kiln": 1, "name": "t", "version": "7", "epoch": 1763900000,
 "network": {"name": "kiln", "bridge": "kiln0", "subnet": "127.0.0.0/24"},
 "services": [{"name": "web", "layer": "edge", "containers": ["web"]}],
 "provision": [{"id": "p1", "service": "web", "steps": []}, {"id": "p2", "service": "web", "steps": []}, {"id": "p3", "service": "web", "steps": []},
               {"id": "p4", "service": "web", "steps": []}],
 "containers": [{"name": "web", "service": "web", "unit": "web.service", "address": 20, "health": {"kind": "none"}}]}
JSON
cat >"$scratch/inside" <<'SH'
set -eu
agent=$1 dir=$2
mount -t tmpfs tmpfs /run
mkdir /run/kiln-report
python3 - "$dir/lines" <<'PY' &
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind("/run/kiln-report/socket")
s.listen()
out = open(sys.argv[1], "wb", buffering=0)
while True: # a test that goes away and comes back
    c, _ = s.accept()
    data = c.recv(65536)
    while data:
        out.write(data)
        data = c.recv(65536)
PY
until [ -S /run/kiln-report/socket ]; do sleep 0.05; done
a() { "$agent" --machine "$dir/machine.json" --state "$dir/state" --run "$dir/run" "$@"; }
said() { for _ in $(seq 100); do grep -q "$1" "$dir/lines" 2>/dev/null && return; sleep 0.1; done; return 1; }
mkdir "$dir/run"
a secrets
"$agent" --machine "$dir/machine.json" --state "$dir/state" --run "$dir/run" report &
report=$!
said '"type":"status"'
sleep 6
# As `provision` does it: each runs for less than the half second after which everything is looked at.
state() { printf '{"id":"%s","state":"%s","steps":[]}' "$1" "$2" >"$dir/run/provision/$1.tmp"; mv "$dir/run/provision/$1.tmp" "$dir/run/provision/$1.json"; }
mkdir -p "$dir/run/provision"
for p in p1 p2 p3 p4; do state $p running; sleep 0.2; state $p done; done
printf '{"beat_ms":%s,"containers":{"web":{"state":"healthy"}}}' "$(awk '{printf "%d", $1 * 1000}' /proc/uptime)" >"$dir/run/health.json"
a ready
said '"type":"final"'
kill -TERM $report
wait $report
said '"type":"end"'
SH
check 'a start is reported' unshare --mount --pid --fork --kill-child --mount-proc bash "$scratch/inside" "$build/kiln-agent" "$scratch"
check 'every line is JSON' jq -e . "$scratch/lines"
same 'first it starts' 'status starting' "$(jq -r '"\(.type) \(.state)"' "$scratch/lines" | head -1)"
same 'a heartbeat while nothing happens' 'heartbeat' "$(jq -r 'select(.type == "heartbeat") | .type' "$scratch/lines" | head -1)"
same 'a provision that is soon over is seen to run' 'p1 p2 p3 p4' "$(jq -r '.provision[] | select(.state == "running").id' "$scratch/lines" | uniq | xargs)"
same 'then everything, once' '1' "$(jq -r 'select(.type == "final") | .state' "$scratch/lines" | grep -c ready)"
same 'with what is counted only then' 'true' \
    "$(jq -r 'select(.type == "final") | has("storage") and has("listening") and has("boot") and has("certificates")' "$scratch/lines")"
same 'and at the end again' 'end ready' "$(jq -r '"\(.type) \(.state)"' "$scratch/lines" | tail -1)"
