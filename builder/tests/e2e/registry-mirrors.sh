#!/usr/bin/env bash
# Mirrors of a registry: one that is not there or has no such image gives way to the next, one that lies does not.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/registry.bash
. "$(dirname "$0")/registry.bash"
registry_begin
export HOME=$scratch
python3 "$repo/builder/tests/tools/layout.py" layout 200000
index=$(jq -r '.manifests[0].digest' layout/index.json)
manifest=$(jq -r '.manifests[] | select(.platform.architecture == "amd64").digest' "layout/blobs/sha256/${index#*:}")
big=$(jq -r '.layers[-1].digest' "layout/blobs/sha256/${manifest#*:}")
mkdir -p other empty/blobs/sha256
cp -r layout/. other
echo '{"schemaVersion": 2, "manifests": []}' >empty/index.json
run_told_registry layout
good=$registry good_plain=$plain
run_told_registry other
liar=$registry liar_plain=$plain
run_told_registry empty
empty_plain=$plain dead=127.0.0.1:$(free_port)
empty=$registry
for plain in $good_plain $liar_plain $empty_plain; do tell '{"open": true}' "$plain"; done
echo '{}' >auth.json

images=(team/app:1)
pull() { # MIRROR...: of docker.io, in that order
    local mirrors=() m
    for m; do mirrors+=(--mirror "docker.io=$m/hub"); done
    "$kiln" -q image pull --cache cache --registry-ca ca.pem "${images[@]}" "${mirrors[@]}"
}
asked() { # PLAIN: which manifests and blobs, with the statuses; what was asked before is forgotten
    tell '{}' "$1"
    jq -r '"\(.status) \(.path)"' log | grep -v ' /v2/$' | sed "s,sha256:\(.......\).*,\1," | sort -u
}
forget() { for plain in $good_plain $liar_plain $empty_plain; do tell '{}' "$plain"; done; }
has_image() { same "$1" "$manifest" "$("$kiln" -q image show team/app:1 --cache cache --offline --json | jq -r .manifest.digest)"; }
at=v2/hub/team/app/manifests/1
nowhere="kiln: warning: mirror $dead: https://$dead/$at: no connection: Connection refused (5 attempts)"
nothing="kiln: warning: mirror $empty: https://$empty/$at: there is no such image (1)"
all() { # what is asked of a registry that has all
    echo "200 /$at"
    echo "200 /v2/hub/team/app/manifests/${manifest:7:7}"
    jq -r '.config.digest, .layers[].digest' "layout/blobs/sha256/${manifest#*:}" | sed 's,sha256:\(.......\).*,200 /v2/hub/team/app/blobs/\1,'
}

said=$(pull "$dead" "$empty" "$good" 2>&1 >out)
same 'a dead port and an empty registry give way, with a warning each' "$nowhere"$'\n'"$nothing" "$said"
has_image 'the image is that of the third'
same 'the empty one is asked once' "404 /$at" "$(asked "$empty_plain")"
same 'the third has all of it' "$(all | sort -u)" "$(asked "$good_plain")"

# Whatever can be had of a mirror is had there, but what it says has to be true.
lies() { # NAME TOLD MESSAGE
    rm -rf cache
    forget
    tell "$2" "$liar_plain"
    refused "$1: refused" 5 "kiln: error: image docker.io/team/app:1: $3
kiln: hint: $liar sent it: try again; if it stays so, take another mirror, or pin another version of the image" pull "$liar" "$good"
    same "$1: the next is not asked" '' "$(asked "$good_plain")"
    same "$1: nothing wrong is kept" '' "$(cd cache/sha256 && for f in *; do [ "$f" = '*' ] || echo "$f  $f"; done | sha256sum --quiet -c 2>&1 | grep -v 'no properly')$(find cache/tmp -type f)"
}
wrong() { python3 -c 'import sys; b = open(sys.argv[1], "rb").read(); sys.stdout.buffer.write(bytes([b[0] ^ 1]) + b[1:])' "layout/blobs/sha256/${1#*:}" | sha256sum | cut -c1-64; }
lies 'wrong bytes of a layer' '{"big": ["wrong", "wrong"]}' \
    "blob ${big:7:12}: https://$liar/v2/hub/team/app/blobs/$big: its SHA-256 is $(wrong "$big"), expected is ${big#*:}"
lies 'wrong bytes of a manifest' '{"manifests": ["serve", "wrong"]}' "manifest: its SHA-256 is $(wrong "$manifest"), expected is ${manifest#*:}"
rm -rf cache
forget
check 'the truth of the same mirror' pull "$liar" "$good"
has_image 'the image is that of the first'
same 'and the next is not asked' '' "$(asked "$good_plain")"

# A mirror that breaks off in the middle: what it brought is not brought again.
rm -rf cache
forget
tell '{"big": ["500", "500", "500", "500", "500"]}' "$liar_plain"
said=$(pull "$liar" "$good" 2>&1 >out)
same 'a mirror that fails at a layer gives way' "kiln: warning: mirror $liar: blob ${big:7:12}: https://$liar/v2/hub/team/app/blobs/$big: the server answers with HTTP status 500 (5 attempts)" "$said"
has_image 'the image is whole'
same 'of the next comes that layer alone' "200 /v2/hub/team/app/blobs/${big:7:7}" "$(asked "$good_plain")"

# What a mirror lacks is one image, not the others of the same name.
rm -rf cache
cp -r layout/blobs empty
sed 's/"org.opencontainers.image.ref.name": "1"/"org.opencontainers.image.ref.name": "2"/' layout/index.json >empty/index.json
forget
images=(team/app:1 team/app:2)
said=$(pull "$empty" "$good" 2>&1 >out)
same 'a mirror that has another tag gives way for the one that it lacks' "$nothing" "$said"
same 'and is asked for the other' "200 /v2/hub/team/app/manifests/2"$'\n'"404 /$at" "$(asked "$empty_plain" | grep -E '/manifests/[12]$')"
same 'which the next is not' '' "$(asked "$good_plain" | grep '/manifests/2$')"
