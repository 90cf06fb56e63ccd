#!/usr/bin/env bash
# Images that nobody should have made, through kiln lock, fetch and build by an ordinary user: each is refused with the reason,
# and nothing is written, removed or read beside what kiln works on.
# level: check
# minutes: 2
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/builds.bash
. "$(dirname "$0")/builds.bash"
for tool in jq python3; do
    command -v $tool >/dev/null || { skip 'hostile images' "needs $tool"; exit; }
done
umask 022
chmod 755 "$scratch"
cache=$(test_cache)
# They lead to the canaries beside each of these directories, which the user may change.
open=$scratch/open work=$scratch/open/1/2/3/4/5/6/work
mkdir -p "$work"
for d in "$open" "$open"/1{,/2{,/3{,/4{,/5{,/6}}}}}; do
    echo 'nobody reads this' >"$d/canary"
    mkdir "$d/canary-dir"
    echo 'nobody reads this' >"$d/canary-dir/canary"
done
service=$work/site/overlays/devops/evil
mkdir -p "$service"
python3 "$repo/builder/tests/tools/hostile.py" "$service" "$open/canary"
cp -r "$repo/qemu-test/overlays" "$work/overlays"
data_copy "$work/data"
user=()
if [ "$(id -u)" -eq 0 ]; then
    name=kiln-hostile-$$
    useradd --system --no-create-home --home-dir "$work" --shell /bin/sh "$name"
    at_exit userdel "$name"
    grep -q "^$name:" /etc/subuid || usermod --add-subuids 1000000000-1000065535 --add-subgids 1000000000-1000065535 "$name"
    chown -R "$name:" "$open"
    kiln=$(public "$kiln")
    user=(setpriv --reuid "$name" --regid "$(id -g "$name")" --clear-groups env HOME="$work")
fi
# Its cache has the packages of the shared one, and what the mirror said of them: nothing is fetched.
check 'packages for the test' "$kiln" fetch "$(profile_file tiny)" --cache "$cache"
own_cache "$work/cache"
cp -a "$cache/apt" "$work/cache/"
if [ "$(id -u)" -eq 0 ]; then
    chown -R "$name:" "$work/cache/apt"
    find "$work/cache" -type d -exec chown "$name:" {} + # and not the packages, which belong to the shared cache, too
fi
beside() { find "$open" -path "$work" -prune -o -printf '%p %y %m %u:%g %n %T@ %l\n' -type f -exec sha256sum {} +; }
before=$(beside)

say() { # YAML of the image: a profile with one container of it
    printf 'service: evil\nsummary: An image\ncontainers:\n  evil:\n    memory: 16M\n    image: %s\n' "$1" >"$service/service.yaml"
    printf 'profile: evil\nextends: %s\nservices: [evil]\n' "$work/data/qemu-test/profiles/tiny.yaml" >"$work/site/evil.yaml"
}
as_user() { KILN_DATA=$work/data "${user[@]}" "$kiln" "$@" --cache "$work/cache" --offline; }
stops() { # NAME COMMAND STATUS TEXT: what kiln says is TEXT, and the canaries are as they were
    local said status
    said=$(as_user "$2" "$work/site/evil.yaml" "${@:5}" 2>&1 >/dev/null)
    status=$?
    same "$1: kiln $2 stops" "$3 $4" "$status $(grep -E '^kiln: (error|hint)' <<<"$said")"
    same "$1: nothing is touched beside" '' "$(diff <(echo "$before") <(beside))"
}
goes_on() { as_user "$1" "$work/site/evil.yaml"; } # COMMAND
digest() { sha256sum <"$1" | cut -c1-64; }
layer() { # NAME N: the digest of the image's layer
    local m
    m=$(jq -r '.manifests[0].digest' "$service/$1/index.json")
    jq -r ".layers[$2].digest" "$service/$1/blobs/sha256/${m#*:}" | cut -c8-
}
image=localhost/kiln/evil/evil:kiln

again='
kiln: hint: the layout or archive is damaged or malicious: bring it again, or another version of the image'
say '"oci:digest:1"'
stops 'a digest with ..' lock 5 "kiln: error: container evil: image oci:digest:1: index.json: digest: expected sha256: and 64 hex digits, \
found \"sha256:../../../../canary\"$again"
say '"oci:deep:1"'
stops 'a config of 200,000 brackets' lock 5 "kiln: error: container evil: image oci:deep:1: config:1:33: nested more than 32 deep$again"
say '"oci:link:1"'
check 'a blob that is a link to a file of the host: kiln lock' goes_on lock
stops 'a blob that is a link to a file of the host' fetch 5 "kiln: error: container evil: image oci:link:1: $service/link: \
blobs/sha256/$(digest "$open/canary") is a link, and none is followed$again"

# Layers are read by the build, by each for itself.
builds() { # NAME N TEXT IMAGE: layer N of the image is refused
    local l
    l=$(layer "$2" "$3")
    say "\"oci:$2:1\""
    check "$1: kiln fetch" goes_on fetch
    stops "$1" build 5 "kiln: error: layer-${l::12}: image $image: layer sha256:$l: $4
kiln: hint: the image is damaged or malicious: pin another version of it" --out "$work/out" -j 4
    same "$1: nothing is built" '' "$(ls "$work/out" 2>/dev/null)"
}
builds 'a member that climbs out' climbs 1 'member "../canary": its path has ".."'
builds 'a whiteout through a link' whiteout 0 'member "up/canary": a directory above it is a link or a file of the same layer'
zeros=$(printf '0%.0s' {1..64})
builds 'a diff id that is not that of the content' lies 1 "its content is sha256:$(layer lies 1), but the config has sha256:$zeros"
size=$(stat -c %s "$service/bomb/blobs/sha256/$(layer bomb 0)")
builds 'a decompression bomb' bomb 0 "it unpacks to more than 64.0 MiB, the limit for a blob of $((size * 10 / 1024 / 10)).$((size * 10 / 1024 % 10)) KiB"

# What is derived from is unpacked, where links of a layer below lead out: the third layer is refused when the second has gone through.
say '{from: "oci:derived:1", files: {/made: {text: "x"}}}'
far=$(layer derived 2)
stops 'layers that go through links of those below' build 5 "kiln: error: derived-evil-evil: image $image: layer sha256:$far: \
member \"far\": its owner 65536:0 is not within 0 to 65535, the users of a build
kiln: hint: the image can be run as it is, but nothing can be derived from it" --out "$work/out" -j 4
same 'no image was built' '' "$(ls "$work/out" 2>/dev/null)"
