#!/usr/bin/env bash
# Backups in a bucket of a real S3 server (versitygw, of the fixtures), on loopback: in parts, cut ones, wrong keys.
# level: full
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

# shellcheck disable=SC2154 # of lib.bash
made=$("$repo/qemu-test/fixtures/make" versitygw 2>&1)
if [ "$(cut -f 2 <<<"$made")" != made ]; then
    skip 'backups in a bucket' "$(cut -f 3 <<<"$made")"
    exit
fi
server=$(find "${KILN_FIXTURES:-$HOME/.cache/kiln-fixtures}"/fetched/versitygw-*/versitygw | tail -n 1)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir -p "$scratch/data/backups"
ROOT_ACCESS_KEY=fixture ROOT_SECRET_KEY=fixture-secret "$server" --port "127.0.0.1:$port" --health /health posix "$scratch/data" \
    >"$scratch/server.log" 2>&1 &
pid=$!
at_exit kill "$pid"
for _ in $(seq 100); do
    curl -sf "http://127.0.0.1:$port/health" >/dev/null && break
    sleep 0.1
done
cd "$repo" || exit 1
check 'kept, listed, removed; refused with the server'"'"'s words' env KILN_S3="http://127.0.0.1:$port" "$build/unit/agent_s3_test"
same 'the server was asked' 2 "$(CMOCKA_MESSAGE_OUTPUT=TAP KILN_S3=http://127.0.0.1:$port "$build/unit/agent_s3_test" 2>&1 | grep '^ok ' | grep -cv SKIP)"
