#!/usr/bin/env bash
# What saves Qdrant's collections, before a stand-in with its calls for snapshots (keep-qdrant.py): saved, lost, brought back,
# the same; streams that are cut, a server that fails, a wrong key. What it asks is what schemas.sh looks up in Qdrant's API.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

cd "$scratch" || exit 1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost 2>openssl.log
mkdir -p srv/collections
python3 -B "$repo/builder/tests/e2e/keep-qdrant.py" srv cert.pem key.pem >port 2>server.log &
at_exit kill $!
for _ in $(seq 100); do
    [ ! -s port ] || break
    sleep 0.1
done
QDRANT_URL=https://localhost:$(cat port)
export QDRANT_URL QDRANT_KEY=the-key CA=$scratch/cert.pem
keep() { python3 -B "$repo/overlays/ai/qdrant/keep" "$@"; }
saved() { keep save >"$1"; }
loaded() { keep load <"$1"; }
held() { (cd srv/collections && sha256sum -- *); }
fails() { # NAME TEXT COMMAND ARG...: it says that and nothing else, and fails
    local name=$1 want=$2 said
    shift 2
    if said=$("$@" 2>&1 >/dev/null); then not_ok "$name" 'it went through'; else same "$name" "$want" "${said%% (_ssl.c:*}"; fi
}

# Names as they may be, one of nothing, and one that is larger than what is read at a time.
printf 'points\n' >srv/collections/pages
: >srv/collections/empty
printf 'a name\n' >'srv/collections/a%20b%2Fc%C3%A4'
head -c 3000000 /dev/urandom >srv/collections/large
held >before
check 'saved' saved backup.tar
same 'a member for each, and one that says how many' 'snapshots/a%20b%2Fc%C3%A4
snapshots/empty
snapshots/large
snapshots/pages
collections/4' "$(tar -tf backup.tar)"
same 'no snapshot is left in its place' '' "$(find srv/snapshots -type f)"
echo later >srv/collections/later
echo spoilt >srv/collections/pages
rm srv/collections/large srv/collections/empty
check 'brought back' loaded backup.tar
same 'what was sent for that is not left there' '' "$(find srv/snapshots -type f)"
same 'what was not in the backup stays' later "$(cat srv/collections/later && rm srv/collections/later)"
same 'all that was is the same' "$(cat before)" "$(held)"

for fault in 'GET /collections/*/snapshots/* cut' 'GET /collections cut'; do
    echo "$fault" >srv/fault
    if said=$(saved "cut-${fault##*/}.tar" 2>&1); then not_ok "$fault: saving fails"; else
        ok "$fault: saving fails"
        case $said in "keep: "*) ok "$fault: and says why in a line: $said" ;; *) not_ok "$fault: and says why in a line" "$said" ;; esac
    fi
done
rm srv/fault
same 'and leaves no snapshot in its place' '' "$(find srv/snapshots -type f)"
if said=$(loaded 'cut-* cut.tar' 2>&1); then not_ok 'what was saved before the cut is no backup'; else same 'what was saved before the cut is no backup' 'keep: unexpected end of data' "$said"; fi
same 'and changes nothing' "$(cat before)" "$(held)"
for fault in 'GET /collections' 'POST /collections/*/snapshots' 'GET /collections/*/snapshots/*'; do
    echo "$fault 500" >srv/fault
    path=${fault#* }
    path=${path/\*/a%20b%2Fc%C3%A4}
    said=$(saved failed.tar 2>&1) && not_ok "$fault fails: saving fails"
    case $said in
    "keep: ${fault%% *} ${path%%\**}"*': 500 {"status": {"error": "Service internal error"}, "time": 0.0}') ok "$fault fails: so does saving, with what it said" ;;
    *) not_ok "$fault fails: so does saving, with what it said" "$said" ;;
    esac
done
echo 'POST /collections/*/snapshots/upload 500' >srv/fault
fails 'bringing back fails where the server does' 'keep: POST /collections/a%20b%2Fc%C3%A4/snapshots/upload?priority=snapshot&wait=true: 500 {"status": {"error": "Service internal error"}, "time": 0.0}' loaded backup.tar
rm srv/fault
QDRANT_KEY=another fails 'a wrong key is refused' 'keep: GET /collections: 401 {"status": {"error": "Must provide an API key or an Authorization bearer token"}, "time": 0.0}' saved none.tar
CA=/etc/ssl/certs/ca-certificates.crt fails 'a server of nobody known is not talked to' 'keep: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate' saved none.tar

# A backup that is cut: in a member, and where its last one is missing.
size=$(stat -c %s backup.tar)
echo spoilt >srv/collections/pages
cp -r srv/collections spoilt
head -c 2000000 backup.tar >short.tar
if said=$(loaded short.tar 2>&1); then not_ok 'a backup that is cut in a collection fails'; else same 'a backup that is cut in a collection fails' 'keep: unexpected end of data' "$said"; fi
same 'that collection is as it was, and those behind it' "$(sha256sum <spoilt/pages)" "$(sha256sum <srv/collections/pages)"
same 'a half of it is nowhere' "$(sha256sum <spoilt/large)" "$(sha256sum <srv/collections/large)"
last=$((size / 10240 * 10240))
until [ "$(head -c "$last" backup.tar | tar -t 2>/dev/null | tail -n 1)" = snapshots/pages ] || [ "$last" -le 0 ]; do last=$((last - 512)); done
head -c "$last" backup.tar >short.tar
fails 'one without its last member fails' 'keep: the backup is cut: 4 collections were read of more' loaded short.tar
check 'the whole one is brought back' loaded backup.tar
same 'and is the same again' "$(cat before)" "$(held)"

# What a claim is told of a collection that is there with other vectors.
mkdir srv/vectors
echo '{"size": 384, "distance": "Cosine"}' >srv/vectors/pages
echo '{"text": {"size": 384, "distance": "Cosine"}}' >srv/vectors/named
check 'vectors as they are claimed' keep check pages 384 Cosine
there='there is one with vectors of 384 dimensions and Cosine, the claim says'
fails 'of another size' "keep: collection pages: $there 512 and Cosine: claim another name, or delete it" keep check pages 512 Cosine
fails 'of another distance' "keep: collection pages: $there 384 and Dot: claim another name, or delete it" keep check pages 384 Dot
fails 'with names' 'keep: collection named: there is one with vectors of None dimensions and None, the claim says 384 and Cosine: claim another name, or delete it' keep check named 384 Cosine
fails 'none there' 'keep: GET /collections/none: 404 {"status": {"error": "Not found"}, "time": 0.0}' keep check none 384 Cosine

same 'what it asks is what is looked up in the API (schemas.sh)' "$(cat "$repo/builder/tests/schemas/qdrant.calls")" "$(sort -u srv/log)"
same 'the stand-in had no fault of its own' '' "$(grep -v -e '^-*$' -e 'Exception occurred' -e '^Traceback' -e '^  ' -e 'ConnectionError: a request that was cut' -e 'SSL' server.log)"
