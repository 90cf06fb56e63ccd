#!/usr/bin/env bash
# kiln image against a registry that cuts, stalls, lies and redirects; and killed again and again.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/registry.bash
. "$(dirname "$0")/registry.bash"
registry_begin
export HOME=$scratch
python3 "$repo/builder/tests/tools/layout.py" layout 1000000
run_told_registry layout
credentials user "$password"
index=$(jq -r '.manifests[0].digest' layout/index.json)
manifest=$(jq -r '.manifests[] | select(.platform.architecture == "amd64").digest' "layout/blobs/sha256/${index#*:}")
layers=$(jq -r '.layers[].digest' "layout/blobs/sha256/${manifest#*:}")
big=$(tail -n 1 <<<"$layers")

requests() { tell '{}'; }
pull() { "$kiln" -q image pull --cache cache --registry-ca ca.pem "$registry/team/app:1"; }
anew() { rm -rf cache && tell "$1"; }
whole() { # CACHE: it has the image and nothing else
    local d
    for d in "$index" "$manifest" $layers; do [ "$(sha256sum <"$1/sha256/${d#*:}" | cut -d' ' -f1)" = "${d#*:}" ] || return 1; done
    [ "$(find "$1/sha256" -type f | wc -l)" = 5 ] && [ -z "$(find "$1/tmp" "$1/partial" -type f)" ]
}
manifests="https://$registry/v2/team/app/manifests/1"
blob="blob ${big:7:12}: https://$registry/v2/team/app/blobs/$big"
blobs=layout/blobs/sha256

anew '{}'
check 'a token is fetched for the user' pull
check 'everything is there' whole cache
requests
same 'the token server gets the password, the registry tokens only' 'Basic Bearer' \
    "$(jq -r 'select(.status < 300) | if .path == "/token" then .auth else .auth // empty end' log | sort -u | xargs)"

# As most people have images: of a registry that gives tokens to everybody, and of one that asks for nothing.
printf '{"auths": {"other.example": {"auth": "%s"}}}' "$(printf 'user:%s' "$password" | base64 -w0)" >other.json
echo '{}' >none.json
for REGISTRY_AUTH_FILE in "$scratch/none.json" "$scratch/other.json" "$scratch/missing.json"; do
    who="without a user, ${REGISTRY_AUTH_FILE##*/}"
    anew '{"anonymous": true, "open": false}'
    check "$who" pull
    check "$who: everything is there" whole cache
    requests
    same "$who: the token is asked for without authorization, once, and is sent" '/token without 1, Bearer' \
        "$(jq -rs '[.[] | select(.path == "/token")] as $t | "\($t | map("\(.path) \(.auth // "without")") | unique | join(" ")) \($t | length), \(map(.auth // empty) | unique | join(" "))"' log)"
    anew '{"anonymous": false, "open": true}'
    check "$who: no challenge" pull
    check "$who: no challenge: everything is there" whole cache
    requests
    same "$who: no challenge: no token, and no authorization" '0 0' \
        "$(jq -rs '"\([.[] | select(.path == "/token")] | length) \([.[] | select(.auth)] | length)"' log)"
done
tell '{"open": false}'
export REGISTRY_AUTH_FILE=$scratch/auth.json

for faults in '["cut", "cut", "cut"]' '["429"]' '["500", "500"]' '["slow"]' '["cut", "429", "500", "cut"]' '["wrong"]'; do
    anew "{\"big\": $faults}"
    check "blobs: $faults" pull
    check "blobs: $faults: everything is there" whole cache
done
anew '{"manifests": ["500", "429"], "token": ["500"]}'
check 'manifests and tokens: 500 and 429' pull
anew '{"big": ["cut"]}'
pull >/dev/null
requests
same 'a blob that was cut is continued' 1 "$(jq -s '[.[] | select(.range)] | length' log)"
anew '{"uses": 2}'
check 'tokens that expire are fetched anew' pull
check 'tokens that expire: everything is there' whole cache
tell '{"uses": 1000000}'

printf '{"auths": {"%s": {"identitytoken": "%s"}}}' "$registry" "$password" >auth.json
anew '{}'
check 'a token for an identity token' pull
printf '{"auths": {"%s": {"identitytoken": "another"}}}' "$registry" >auth.json
anew '{}'
refused 'another identity token' 4 "kiln: error: image $registry/team/app:1: $manifests: $registry refuses the user name or the password, \
or the user may not read team/app
kiln: hint: \"podman login $registry\" puts them where kiln finds them" pull
credentials user "$password"

fails() { # NAME TOLD STATUS MESSAGE: refused with that message, and nothing of it is in the cache
    anew "$2"
    refused "$1" "$3" "kiln: error: image $registry/team/app:1: $4" pull
    same "$1: nothing wrong is kept" '' "$(cd cache/sha256 && for f in *; do [ "$f" = '*' ] || echo "$f  $f"; done | sha256sum --quiet -c 2>&1 | grep -v 'no properly')$(find cache/tmp -type f)"
}
size=$(stat -c %s "$blobs/${big#*:}")
wrong=$(python3 -c 'import sys; b = open(sys.argv[1], "rb").read(); sys.stdout.buffer.write(bytes([b[0] ^ 1]) + b[1:])' "$blobs/${big#*:}" |
    sha256sum | cut -d' ' -f1)
lie="
kiln: hint: $registry sent it: try again; if it stays so, take another mirror, or pin another version of the image"
wrong_manifest=$(printf 'z%s' "$(tail -c +2 "$blobs/${manifest#*:}")" | sha256sum | cut -d' ' -f1)
fails 'wrong bytes, twice' '{"big": ["wrong", "wrong"]}' 5 "$blob: its SHA-256 is $wrong, expected is ${big#*:}$lie"
fails 'a manifest with wrong bytes' '{"manifests": ["serve", "wrong"]}' 5 "manifest: its SHA-256 is $wrong_manifest, expected is ${manifest#*:}$lie"
fails 'an empty manifest' '{"manifests": ["empty"]}' 5 "manifest:1:0: '[' or '{' expected near end of file"
fails 'one byte too many' '{"big": ["long"]}' 5 "$blob: the server has $((size + 1)) bytes, expected are $size$lie"
fails 'one byte too few' '{"big": ["short"]}' 5 "$blob: the server has $((size - 1)) bytes, expected are $size$lie"
fails 'redirects without end' '{"manifests": ["loop"]}' 4 "$manifests: the server redirects more than 10 times"
fails 'https: becomes http:' '{"manifests": ["redirect-plain"]}' 4 "$manifests: the server redirects from https: to http:"
fails 'https: becomes http: for a blob' '{"big": ["redirect-plain"]}' 4 "$blob: the server redirects from https: to http:
kiln: hint: check that this host can reach the server; what arrived is kept and continued next time"
fails 'a token server that answers nonsense' '{"token": ["empty"]}' 5 "$manifests: $registry: its token server answers without a token$lie"
anew '{"blobs": ["redirect", "redirect"], "big": ["redirect"], "manifests": ["redirect"]}'
check 'redirected to another host' pull
check 'redirected to another host: everything is there' whole cache
requests
same 'which sees neither token nor password' '4 0' "$(jq -rs '[.[] | select(.host == "storage")] | "\(length) \([.[] | select(.auth)] | length)"' log)"

# Killed at 20 random moments of the time that it needs; each time the next run completes it. One that ended before its moment
# does not count, and another moment is drawn. KILN_TEST_SEED gives the same moments again.
kills=20 killed=0 ended=0 broken='' again='' resumed=0 anew_begun=''
slowly='{"rate": 1000000}' fast='{"rate": 0}'
pull_killed() { # MS: kill -9 after that time
    timeout --foreground -s KILL "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))" \
        "$kiln" -q image pull --cache cache --registry-ca ca.pem "$registry/team/app:1" >/dev/null 2>&1
}
anew "$slowly"
begun=${EPOCHREALTIME/[.,]/}
pull >/dev/null
needs=$(((${EPOCHREALTIME/[.,]/} - begun) / 1000))
RANDOM=${KILN_TEST_SEED:=$((EPOCHSECONDS % 32768))}
echo "# KILN_TEST_SEED=$KILN_TEST_SEED, $needs ms for the whole"
while [ $killed -lt $kills ] && [ $ended -lt $((2 * kills)) ]; do
    anew "$slowly"
    ms=$((RANDOM * needs / 32768 + 1))
    pull_killed $ms
    case $? in
    137) killed=$((killed + 1)) ;;
    0)
        ended=$((ended + 1))
        whole cache || broken+=" ended:$ms"
        continue
        ;;
    *)
        broken+=" status:$ms"
        break
        ;;
    esac
    verified=$(find cache/sha256 -type f -printf '%f\n' 2>/dev/null)
    parts=$(find cache/partial -type f -size +0 -printf '%f %s\n' 2>/dev/null | grep -E '^[0-9a-f]{64} ')
    tell "$fast"
    pull >/dev/null || broken+=" resumed:$ms"
    whole cache || broken+=" whole:$ms"
    requests
    for d in $verified; do ! grep -q "$d" log || again+=" $d:$ms"; done
    while read -r d size; do
        if [ -z "$d" ] || [ "$size" -ge "$(stat -c %s "$blobs/$d")" ]; then continue; fi # a whole one has only to be verified
        resumed=$((resumed + 1))
        [ "$(jq -r --arg d "$d" 'select(.path | endswith($d)) | "\(.status) \(.range)"' log)" = "206 bytes=$size-" ] || anew_begun+=" $d:$ms"
    done <<<"$parts"
done
same 'killed at 20 random moments, completed by the next run' "$kills" "$killed$broken"
same 'nothing verified was fetched again' '' "$again"
same 'what had begun to arrive is asked for from there on' '' "$anew_begun"
echo "# $resumed parts were continued; $ended ended before their moment"
if [ $resumed -gt 0 ]; then ok 'some were killed with half a blob'; else not_ok 'some were killed with half a blob'; fi
