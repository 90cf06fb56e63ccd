#!/usr/bin/env bash
# The script of MongoDB's provision steps, run by node before a stand-in for mongosh: what it asks the servers, on a first start and again.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

if ! command -v node >/dev/null; then
    skip "MongoDB's script" 'needs node: apt-get install nodejs'
    exit
fi
cd "$scratch" || exit 1
export MEMBERS='mongodb-1 mongodb-2 mongodb-3'
run() { # NAME=VALUE...: of the environment
    env "$@" node "$repo/builder/tests/e2e/mongo-script.js" "$repo/overlays/data/mongodb/replica-set.js" state 2>&1
    local status=$?
    [ $status = 0 ] || echo "status $status"
}
local_one='connect mongodb://127.0.0.1:27017/admin?directConnection=true&serverSelectionTimeoutMS=5000'
as_root='connect mongodb://root:...@mongodb-1:27017,mongodb-2:27017,mongodb-3:27017/admin?replicaSet=kiln&serverSelectionTimeoutMS=10000'
secret='a/b:c@d%e'

echo '{"users": {}}' >state
same 'no replica set yet: no primary' "$as_root
failed: no primary
status 1" "$(run DO=serves ROOT_PASSWORD="$secret")"
same 'it is begun, where the server lets one in without a login' "$local_one
command admin {\"replSetInitiate\":{\"_id\":\"kiln\",\"members\":[{\"_id\":0,\"host\":\"mongodb-1:27017\",\"priority\":2},{\"_id\":1,\"host\":\"mongodb-2:27017\",\"priority\":1},{\"_id\":2,\"host\":\"mongodb-3:27017\",\"priority\":1}]}}" "$(run DO=initiate)"
same 'and not again' "$local_one
is a member already" "$(run DO=initiate)"
same 'root is made' "$as_root
$local_one
create admin {\"user\":\"root\",\"pwd\":\"$secret\",\"roles\":[\"root\"]}" "$(run DO=root ROOT_PASSWORD="$secret")"
same 'and not again; its password comes through whole' "$as_root
there is root already" "$(run DO=root ROOT_PASSWORD="$secret")"
user=(DO=user ROOT_PASSWORD="$secret" DATABASE=papers NAME=papers PASSWORD=pw 'ROLES=readWrite@papers dbAdmin@papers')
roles='"roles":[{"role":"readWrite","db":"papers"},{"role":"dbAdmin","db":"papers"}]'
same 'a user of a claim' "$as_root
create papers {\"user\":\"papers\",\"pwd\":\"pw\",$roles}" "$(run "${user[@]}")"
same 'has what the claim says, once more' "$as_root
update papers papers {\"pwd\":\"pw\",$roles}" "$(run "${user[@]}")"
same 'a primary is there' "$as_root" "$(run DO=serves ROOT_PASSWORD="$secret")"
jq -c '.primary = false' state >now && mv now state
same 'without one another start is waited for' "$as_root
failed: no primary
status 1" "$(run DO=serves ROOT_PASSWORD="$secret")"
same 'what fails is no sign that root is missing' "$as_root
failed: no primary
status 1" "$(run DO=root ROOT_PASSWORD="$secret")"
MEMBERS=mongodb-1
echo '{"users": {}}' >state
same 'one member' "$local_one
command admin {\"replSetInitiate\":{\"_id\":\"kiln\",\"members\":[{\"_id\":0,\"host\":\"mongodb-1:27017\",\"priority\":2}]}}" "$(run DO=initiate)"
