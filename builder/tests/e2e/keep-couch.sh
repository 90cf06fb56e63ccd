#!/usr/bin/env bash
# What saves CouchDB's databases, before a stand-in that speaks replication (keep-couch.py): conflicts, deleted documents, attachments,
# rights and limits are saved, lost and brought back the same; streams that are cut, a server that fails, a wrong password are told.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

cd "$scratch" || exit 1
mkdir srv
server=$repo/builder/tests/e2e/keep-couch.py
couch() { python3 -B "$server" "$1" srv; }
couch fill
python3 -B "$server" serve srv >port 2>server.log & # not by the function: that would be a shell with a child
at_exit kill $!
for _ in $(seq 100); do
    [ ! -s port ] || break
    sleep 0.1
done
COUCH_URL=http://127.0.0.1:$(cat port)
export COUCH_URL COUCH_USER=admin COUCH_PASSWORD=secret CA=/nowhere PYTHONUTF8=1
keep() { python3 -B "$repo/overlays/data/couchdb/keep" "$@"; }
saved() { keep save >"$1"; }
loaded() { keep load <"$1"; }
fails() { # NAME TEXT COMMAND ARG...: it says that and nothing else, and fails
    local name=$1 want=$2 said
    shift 2
    if said=$("$@" 2>&1 >/dev/null); then not_ok "$name" 'it went through'; else same "$name" "$want" "$said"; fi
}
of() { # NAMES: these databases, of what the stand-in has
    awk -v names=" $1 " '/^[^ ]/ { on = index(names, " " $1 " ") } on'
}
stored='{"error": "unknown_error", "reason": "stand-in"}'

couch state >before
check 'saved' saved backup
same 'by line a database, its documents, and how many there were' '3 33' "$(jq -r 'select(.database).database' backup | wc -l) $(tail -n 1 backup | jq .last)"
same 'no database of the system' '' "$(grep -a '"database":"_' backup)"
same 'what demands something of documents comes after them' old "$(jq -r 'select(.docs).docs[]._id' backup | grep -xE 'old|_design/app' | head -n 1)"
couch spoil
if couch state | cmp -s - before; then not_ok 'it is lost, yes'; else ok 'it is lost, yes'; fi
couch state | of '_users later' >others
check 'brought back' loaded backup
same 'the same: revisions with their history, conflicts, deleted ones, attachments, rights, limits, shards' \
    "$(of 'notes a/b+c empty' <before)" "$(couch state | of 'notes a/b+c empty')"
same 'users, and what the backup does not have, stay' "$(cat others)" "$(couch state | of '_users later')"
couch state >after
check 'saved again' saved again

for call in 'GET /_all_dbs' 'GET /*' 'GET /*/_security' 'GET /*/_revs_limit' 'GET /*/_changes' 'POST /*/_bulk_get'; do
    echo "$call cut" >srv/fault
    said=$(saved cut 2>&1) && not_ok "$call is cut: saving fails"
    case $said in 'keep: IncompleteRead('*) ok "$call is cut: so does saving fail" ;; *) not_ok "$call is cut: so does saving fail" "$said" ;; esac
    rm srv/fault
    if said=$(loaded cut 2>&1); then not_ok "$call is cut: what was saved is no backup" 'it went through'; else
        case $said in
        'keep: the backup ends before its last line: the databases are not complete') ok "$call is cut: what was saved is no backup" ;;
        *) not_ok "$call is cut: what was saved is no backup" "$said" ;;
        esac
    fi
    check "$call is cut: a whole backup puts it right" loaded backup
done
same 'it is the same as before' "$(cat after)" "$(couch state)"
for call in 'GET /_all_dbs' 'GET /*/_changes' 'POST /*/_bulk_get'; do
    echo "$call once" >srv/fault
    check "$call: a connection that is closed once is opened again" saved once
    check "$call: to the same backup" cmp again once
done
echo 'GET /*/_changes 500' >srv/fault
fails 'a server that fails is told' "keep: GET /a%2Fb%2Bc/_changes?style=all_docs&limit=20&since=0: 500 $stored" saved failed
echo 'POST /*/_bulk_docs 500' >srv/fault
fails 'when it brings back as well' "keep: POST /a%2Fb%2Bc/_bulk_docs: 500 $stored" loaded backup
echo 'POST /*/_bulk_get error' >srv/fault
fails 'a document that cannot be read is told' "keep: later: {'id': 'x', 'rev': '1-x', 'error': 'internal_fabric_error', 'reason': 'stand-in'}" saved failed
rm srv/fault
COUCH_PASSWORD=another fails 'a wrong password is refused' 'keep: GET /_all_dbs: 401 {"error": "unauthorized", "reason": "Name or password is incorrect."}' saved none
head -n -1 backup >short
fails 'a backup without its last line is told' 'keep: the backup ends before its last line: the databases are not complete' loaded short
head -c 5000 backup >short
said=$(loaded short 2>&1) && not_ok 'one that is cut in a line'
case $said in 'keep: '*' line 1 column '*) ok 'one that is cut in a line is told' ;; *) not_ok 'one that is cut in a line is told' "$said" ;; esac
sed 's/"_id":"n003"/"_id":"forbidden"/' backup >refused
fails 'a document that is refused is told' "keep: /notes: [{'id': 'forbidden', 'rev': '2-b', 'error': 'forbidden', 'reason': 'stand-in'}]" loaded refused
check 'the whole one is brought back' loaded backup
same 'and is the same again' "$(cat after)" "$(couch state)"
same 'what it asks is of the replication protocol, and of databases' 'DELETE /*
GET /*
GET /*/_changes
GET /*/_revs_limit
GET /*/_security
GET /_all_dbs
POST /*/_bulk_docs
POST /*/_bulk_get
PUT /*
PUT /*/_revs_limit
PUT /*/_security' "$(LC_ALL=C sort -u srv/log)"
same 'the stand-in had no fault of its own' '' "$(cat server.log)"
