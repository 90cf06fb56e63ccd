#!/usr/bin/env bash
# Images that nobody should have made, through kiln lock and fetch by an ordinary user: each is refused with the reason,
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
