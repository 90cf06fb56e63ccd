#!/usr/bin/env bash
# An appliance of images that kiln did not compose, from a registry (TLS, password, mirror) and from a layout, and of one
# derived from them: locked, fetched, built, built again offline to the same bytes, also from a bundle, and started.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/registry.bash
. "$(dirname "$0")/registry.bash"
# shellcheck source=builder/tests/e2e/podman.bash
. "$(dirname "$0")/podman.bash"

podman_begin 'an appliance of upstream images' skopeo docker-registry openssl zstd python3 jq
export KILN_DATA=$repo
cache=$(test_cache)
registry_begin
run_registry
credentials user "$password"
service=$scratch/site/overlays/edge/foreign
mkdir -p "$service" site/profiles
cp ca.pem site/profiles/
check 'images' python3 "$repo/builder/tests/e2e/upstream-images.py" "$tree" "$service/layout"
push "oci:$service/layout:registry.example/late:2" late
cat >site/profiles/foreign.yaml <<END
profile: foreign
summary: Images that kiln did not compose
services: [foreign]
kernel: cloud
machine: {memory: 1G, disk: 2G, cpus: 2}
outputs: [raw]
mirrors: {registry.example: $registry}
registry_ca: ca.pem
END
cat >"$service/service.yaml" <<'END'
service: foreign
summary: A container from a layout, and one by tag from a registry
containers:
  layout:
    image: "oci:layout:registry.example:5000/odd/app:1"
    user: "1"
    entrypoint: [/bin/sh, -c, "exec sleep infinity"]
    health: {exec: [/bin/sh, -c, "test -e /srv/one && test ! -e /etc/debian_version && test $(id -u) = 1"], start: 60s, interval: 5s, timeout: 5s}
    files: {/etc/set: {text: "by kiln\n", owner: "1", mode: 0400}}
    memory: 64M
  registry:
    image: registry.example/late:latest
    entrypoint: [/bin/sh, -c, "exec sleep infinity"]
    health: {exec: [/bin/sh, -c, "test $(cat /late/first) = late"], start: 60s, interval: 5s, timeout: 5s}
    memory: 64M
  derived:
    image:
      from: registry.example/late
      files: {/srv/prepare: {text: "date >/var/forgotten; rm /late/first; id -u >/srv/prepared\n", mode: 0755}}
      run: {command: [/bin/sh, -e, /srv/prepare]}
      keep: [/srv/prepared, /late]
    entrypoint: [/bin/sh, -c, "exec sleep infinity"]
    health: {exec: [/bin/sh, -c, "test $HELLO$(cat /srv/prepared /late/last | tr -d '\\n') = world0late && test ! -e /late/first && test ! -e /var/forgotten"], start: 60s, interval: 5s, timeout: 5s}
    memory: 64M
  chance: # its command leaves other bytes each time
    image:
      from: registry.example/late
      run: {command: [/bin/sh, -c, "cat /proc/sys/kernel/random/uuid >/late/chance"]}
      keep: [/late/chance]
    entrypoint: [/bin/sh, -c, "exec sleep infinity"]
    health: {exec: [/bin/sh, -c, "test -s /late/chance"], start: 60s, interval: 5s, timeout: 5s}
    memory: 64M
END
profile=$scratch/site/profiles/foreign.yaml
check 'kiln builds it' "$kiln" build "$profile" --cache "$cache" --out "$scratch/one"
image=$scratch/one/foreign.raw
[ -s "$image" ] || exit 0
same 'the lock pins both' 'localhost/kiln/foreign/layout:kiln registry.example/late:latest' \
    "$(jq -r '.images | keys | join(" ")' site/profiles/foreign.lock)"

# Trees and programs stay, and what chance left; everything else that has to do with images is made again.
mkdir two
cp -al "$cache/." two/
rm -r two/steps/{store,layer,derived-foreign-derived,root,esp}-*
again() { "$kiln" build "$profile" --cache "$scratch/two" --out "$scratch/three" -j 1 --offline; }
check 'again with one job, offline' again
same 'the same bytes' "$(sha256sum <"$image")" "$(sha256sum <"$scratch/three/foreign.raw")"

# In the store the derived image is the other's layers, which are there once, and one of its own.
layers_of() { jq -r --arg n "$1" '.images[] | select(.names[] == $n) | .layers | join(" ")' two/steps/store-*/report.json; }
same 'layers of a derived image are not kept twice' "$(layers_of registry.example/late:latest)" \
    "$(layers_of localhost/kiln/foreign/derived:kiln | sed 's/ [^ ]*$//')"
same 'and it has one of its own' "$(($(layers_of registry.example/late:latest | wc -w) + 1))" "$(layers_of localhost/kiln/foreign/derived:kiln | wc -w)"

# A blob that rots in the cache is noticed, and fetched again.
layer=$(jq -r '.images["localhost/kiln/foreign/layout:kiln"].layers[1].digest | sub("sha256:"; "")' site/profiles/foreign.lock)
cp two/sha256/"$layer" rotten
printf x | dd of=rotten bs=1 seek=700 conv=notrunc status=none
rotten=$(sha256sum <rotten | cut -d' ' -f1)
mv rotten two/sha256/"$layer"
rm -r two/steps/store-* two/steps/layer-"${layer:0:12}"-*
same 'a damaged blob is refused' "kiln: error: layer-${layer:0:12}: image localhost/kiln/foreign/layout:kiln: layer sha256:$layer: the blob is sha256:$rotten
kiln: hint: the damaged copy in the cache is gone: the next build fetches it again" "$(again 2>&1 | grep -E '^kiln: (error|hint)')"
check 'and fetched again' again
same 'to the same bytes' "$(sha256sum <"$image")" "$(sha256sum <"$scratch/three/foreign.raw")"

# A bundle carries images as well, of a layout and of a registry, and what commands left in those derived from them: from it
# alone, with an empty cache and neither at hand, come the same bytes.
check 'a bundle with images' "$kiln" bundle -o foreign.bundle "$profile" --cache "$cache" --offline
tar -xOf foreign.bundle derived >derived.json
same 'and what commands left' 'derived-foreign-chance derived-foreign-derived' "$(jq -r 'keys | map(.[:-33]) | join(" ")' derived.json)"
digests() { while read -r step _; do echo "$step $(sha256sum <"$1/steps/$step/layer.tar" | cut -d' ' -f1)"; done <<<"$layers"; }
layers=$(jq -r 'to_entries[] | "\(.key) \(.value.sha256)"' derived.json)
same 'byte for byte' "$layers" "$(digests "$cache")"
same 'it verifies, and says so' "2 $(sha256sum <derived.json | cut -d' ' -f1)" \
    "$("$kiln" bundle verify foreign.bundle --json | jq -r '"\(.layers) \(.derived)"')"
check 'the same once more' "$kiln" bundle -o again.bundle "$profile" --cache "$cache" --offline
same 'is the same bundle' "$(sha256sum <foreign.bundle)" "$(sha256sum <again.bundle)"
rm again.bundle
mv "$service/layout" "$scratch/layout"
no_network=(unshare --net)
[ "$(id -u)" -eq 0 ] || no_network=()
check 'is built from' "${no_network[@]}" "$kiln" build "$profile" --cache "$scratch/five" --out "$scratch/four" --offline --from foreign.bundle
mv "$scratch/layout" "$service/layout"
same 'to the same bytes, too' "$(sha256sum <"$image")" "$(sha256sum <"$scratch/four/foreign.raw")"
same 'with the layers of the bundle' "$layers" "$(digests five)"
check 'which are in order' "$kiln" cache verify --cache "$scratch/five"
rm -r five four

# What is not built yet no bundle can carry. It says so, and so does a build from it, which is indeed another one.
mkdir early
cp -al "$cache"/sha256 early/
without() { printf 'kiln: warning: image localhost/kiln/foreign/%s:kiln: its derived layer is not in the cache, and so not in the bundle; "kiln build %s" first for the same image on the other machine\n' "$1" "$profile"; }
same 'a bundle before a build warns' "$(without chance && without derived)" \
    "$("$kiln" bundle -o early.bundle "$profile" --cache "$scratch/early" --offline 2>&1 | grep warning)"
same 'and counts no layer' '0 null ["localhost/kiln/foreign/chance:kiln","localhost/kiln/foreign/derived:kiln"]' \
    "$("$kiln" -q bundle -o early.bundle "$profile" --cache "$scratch/early" --offline --json 2>/dev/null | jq -r '"\(.layers) \(.derived) \(.not_built)"')"
rm -r two/steps/derived-foreign-chance-* early
missing() { printf 'kiln: warning: early.bundle does not bring the derived layer of image localhost/kiln/foreign/%s:kiln: this build may differ from those elsewhere\n' "$1"; }
same 'a build from it warns' "$(missing chance && missing derived)" "$("$kiln" build "$profile" --cache "$scratch/two" --out "$scratch/six" --offline --from early.bundle 2>&1 | grep -E '^kiln: (warning|error)')"
different=$(sha256sum <"$scratch/six/foreign.raw")
if [ "$(sha256sum <"$image")" != "$different" ]; then ok 'and makes another image'; else not_ok 'and makes another image'; fi
other=$(cd two/steps && echo derived-foreign-chance-*)
refused 'a cache with another layer than the bundle' 2 "kiln: error: foreign.bundle: its layer of image localhost/kiln/foreign/chance:kiln is another than $scratch/two/steps/$other
kiln: hint: build with another cache (--cache DIR) to have the image of the bundle" \
    "$kiln" -q build "$profile" --cache "$scratch/two" --out "$scratch/six" --offline --from foreign.bundle
rm -r foreign.bundle early.bundle six

check 'it starts, with nothing imported' "$kiln" test "$profile" --engine nspawn --cache "$cache" --out "$scratch/one" \
    --report "$scratch/report" --scenario first-boot
check 'podman finds the images in order' "$kiln" test "$profile" --engine nspawn --cache "$cache" --out "$scratch/one" \
    --report "$scratch/report" --scenario storage-check
