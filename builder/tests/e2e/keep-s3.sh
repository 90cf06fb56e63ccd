#!/usr/bin/env bash
# What saves objects, run against a real S3 server (versitygw, of the fixtures) on loopback: its own files by the keeper of
# versitygw, exactly; objects by the keeper of Silo, which is a client like any other. Also while others write.
# level: full
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

# shellcheck disable=SC2154 # of lib.bash
made=$("$repo/qemu-test/fixtures/make" versitygw 2>&1)
if [ "$(cut -f 2 <<<"$made")" != made ]; then
    skip 'objects are saved' "$(cut -f 3 <<<"$made")"
    exit
fi
server=$(find "${KILN_FIXTURES:-$HOME/.cache/kiln-fixtures}"/fetched/versitygw-*/versitygw | tail -n 1)
cd "$scratch" || exit 1
mkdir -p srv/buckets srv/versions srv/users
read -r port admin < <(python3 -c '
import socket
s = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(x.getsockname()[1] for x in s))')
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost 2>openssl.log
tls=(--cert "$scratch/cert.pem" --key "$scratch/key.pem" --admin-cert "$scratch/cert.pem" --admin-cert-key "$scratch/key.pem")
ROOT_ACCESS_KEY=root ROOT_SECRET_KEY=root-secret "$server" --port "127.0.0.1:$port" --admin-port "127.0.0.1:$admin" "${tls[@]}" \
    --health /health --iam-dir "$scratch/srv/users" posix --versioning-dir "$scratch/srv/versions" "$scratch/srv/buckets" >server.log 2>&1 &
at_exit kill $!
for _ in $(seq 100); do
    curl -sf --cacert cert.pem "https://localhost:$port/health" >/dev/null && break
    sleep 0.1
done
export S3_URL=https://localhost:$port S3_ADMIN=https://localhost:$admin S3_REGION=us-east-1 S3_BUCKET=plain S3_FOREIGN=none
export S3_ACCESS_KEY=root S3_SECRET_KEY=root-secret CA=$scratch/cert.pem
s3() { python3 "$repo/builder/tests/e2e/keep-s3.py" "$@"; }
files() { python3 "$repo/overlays/data/versitygw/keep" "$@"; }
files_into() { files save srv >"$1"; }
files_from() { files load srv secrets <"$1"; }
client_into() { client save >"$1"; }
client_from() { client load <"$1"; }
client() { python3 "$repo/overlays/data/silo/keep" "$@"; }
on_disk() { # all but unfinished uploads, and the times of what S3 shows no time of
    find srv -name .sgwtmp -prune -o -name 'users*' -o -path 'srv/*/*' -type f -printf '%m %s %T@ %p\n' -o -path 'srv/buckets/*' -printf '%m %T@ %p\n' | sort
    find srv -name .sgwtmp -prune -o -type f -print0 -o -path 'srv/buckets/*' -print0 | sort -z | xargs -0 getfattr -d -m - | grep -v '^$'
}

check 'users' s3 account app.files app-secret
check 'and one that people made' s3 account someone someones-secret
check 'objects' s3 fill
check 'an owner' s3 own plain app.files
s3 state >before
on_disk >before-disk
echo 'app.files secret-of-this-machine' >secrets

check 'versitygw: saved' files_into files.tar
same 'no secret is in it' '' "$(grep -ao -e app-secret -e someones-secret files.tar)"
check 'lost' s3 spoil
check 'a user is lost, too' s3 disown someone
if s3 state | diff -q - before >/dev/null; then not_ok 'it is lost, yes'; else ok 'it is lost, yes'; fi
for size in 1000 3000000 "$(($(stat -c %s files.tar) - 12000))"; do
    s3 state >here
    if head -c "$size" files.tar | files load srv secrets 2>said; then not_ok "the first $size bytes are not enough"; else ok "the first $size bytes are not enough"; fi
    same 'and change nothing' "$(cat here)" "$(s3 state)"
done
check 'brought back' files_from files.tar
same 'all that S3 tells is the same: versions, times, tags, owners' "$(cat before)" "$(s3 state)"
same 'and every file with its attributes' "$(cat before-disk)" "$(on_disk)"
same 'a claimant has the secret of this machine; who was lost has one that nobody knows' \
    '"secret-of-this-machine user" 48' "$(jq -r '"\(.accessAccounts["app.files"] | .secret + " " + .role | tojson) \(.accessAccounts.someone.secret | length)"' srv/users/users.json)"
same 'tar unpacks it' '"\"47a3de43dde90b0d89383fa75b5c36f0\""' "$(mkdir tar && tar -x --xattrs --xattrs-include='user.*' -f files.tar -C tar &&
    getfattr -n user.etag tar/buckets/plain/tagged | sed -n 's/^user.etag=//p')"

# Every put takes the object away for a moment: a backup has it all the same, and once.
s3 write 1
s3 write 400 &
writer=$!
for i in 1 2 3; do files_into "busy-$i.tar" || not_ok "saved while others write, $i"; done
kill "$writer" 2>/dev/null
wait "$writer" 2>/dev/null
for i in 1 2 3; do
    check "what was saved while others wrote is brought back, $i" files_from "busy-$i.tar"
    same "with the object that was written, in both buckets, and no version twice, $i" '2 0' "$(s3 state | awk '
        /^[^ ]/ { bucket = $1 } $1 == "busy" { has[bucket] = 1; if (seen[bucket $2]++) twice++ } END { print length(has), twice + 0 }')"
done

check 'as it was' files_from files.tar
s3 state objects >before
check 'by S3: saved' client_into objects.tar
check 'lost' s3 spoil
if head -c 3000 objects.tar | client load 2>said; then not_ok 'a cut one fails'; else same 'a cut one fails' 'keep: the backup is cut or damaged: truncated header' "$(cat said)"; fi
check 'brought back' client_from objects.tar
same 'the same objects with types, metadata and tags; later ones are gone' "$(cat before)" "$(s3 state objects)"
