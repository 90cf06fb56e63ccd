#!/usr/bin/env bash
# An appliance of images that kiln did not compose, from a registry (TLS, password, mirror) and from a layout, and of one
# derived from them: locked, fetched, built, built again offline to the same bytes, and started.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/registry.bash
. "$(dirname "$0")/registry.bash"
# shellcheck source=builder/tests/e2e/podman.bash
. "$(dirname "$0")/podman.bash"

podman_begin 'an appliance of upstream images' skopeo docker-registry openssl zstd python3 jq
export REGISTRY_AUTH_FILE=$scratch/auth.json KILN_DATA=$repo
unset http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY
cache=$(test_cache)
cd "$scratch" || exit 1
make_certificates
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
END
profile=$scratch/site/profiles/foreign.yaml
check 'kiln builds it' "$kiln" build "$profile" --cache "$cache" --out "$scratch/one"
image=$scratch/one/foreign.raw
[ -s "$image" ] || exit 0
same 'the lock pins both' 'localhost/kiln/foreign/layout:kiln registry.example/late:latest' \
    "$(jq -r '.images | keys | join(" ")' site/profiles/foreign.lock)"

# Trees and programs stay, everything that has to do with images is made again.
cp -al "$cache" two
rm -r two/steps/{store,layer,derived,root,esp}-*
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
same 'a damaged blob is refused' "kiln: error: layer-${layer:0:12}: layer sha256:$layer: the blob is sha256:$rotten
kiln: hint: the damaged copy in the cache is gone: the next build fetches it again" "$(again 2>&1 | grep -E '^kiln: (error|hint)')"
check 'and fetched again' again
same 'to the same bytes' "$(sha256sum <"$image")" "$(sha256sum <"$scratch/three/foreign.raw")"

# A bundle carries images as well, of a layout and of a registry: from it alone, with neither at hand, come the same bytes.
mkdir five
cp -al two/{steps,unpacked} five/
rm -r five/steps/{store,layer,derived,root,esp}-*
check 'a bundle with images' "$kiln" bundle -o foreign.bundle "$profile" --cache "$cache" --offline
mv "$service/layout" "$scratch/layout"
no_network=(unshare --net)
[ "$(id -u)" -eq 0 ] || no_network=()
check 'is built from' "${no_network[@]}" "$kiln" build "$profile" --cache "$scratch/five" --out "$scratch/four" --offline --from foreign.bundle
mv "$scratch/layout" "$service/layout"
same 'to the same bytes, too' "$(sha256sum <"$image")" "$(sha256sum <"$scratch/four/foreign.raw")"
rm -r five four foreign.bundle

check 'it starts, with nothing imported' "$kiln" test "$profile" --engine nspawn --cache "$cache" --out "$scratch/one" \
    --report "$scratch/report" --scenario first-boot
check 'podman finds the images in order' "$kiln" test "$profile" --engine nspawn --cache "$cache" --out "$scratch/one" \
    --report "$scratch/report" --scenario storage-check
