#!/usr/bin/env bash
# kiln build on a full disk: one error that says so, nothing half written, and with more room the next build goes on.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/builds.bash
. "$(dirname "$0")/builds.bash"

if [ "$(id -u)" -ne 0 ]; then
    skip 'a full disk' 'needs root, to mount a small one'
    exit
fi
profile=$(profile_file tiny)
lock=${profile%.yaml}.lock
check 'tiny is built' "$kiln" build "$profile" --cache "$(test_cache)" --out "$scratch/whole"
want=$(images "$scratch/whole")

# full NAME COMMAND...: ends with one error that says that there is no room
full() {
    local name=$1 status said
    shift
    said=$("$@" 2>&1 >/dev/null)
    status=$?
    echo "# $(grep '^kiln: error' <<<"$said")"
    same "$name: status" 6 $status
    same "$name: one error" 1 "$(grep -c '^kiln: error: ' <<<"$said")"
    check "$name: which says why" grep -q 'No space left on device' <<<"$said"
    same "$name: and what to do" 'kiln: hint: free some space ("kiln cache prune"), or use a larger disk: --cache DIR for downloads and steps, --out DIR for images' \
        "$(grep '^kiln: hint' <<<"$said")"
}

# The images.
mkdir "$scratch/out"
mount -t tmpfs -o size=64m none "$scratch/out"
at_exit umount "$scratch/out"
full 'no room for the image' "$kiln" build "$profile" --cache "$(test_cache)" --out "$scratch/out" --offline
same 'no room for the image: nothing is left of it' '' "$(ls -A "$scratch/out")"

# The cache: its disk has the downloads and a ballast.
truncate -s 3G "$scratch/disk"
mkfs.ext4 -q -m 0 -E lazy_itable_init=1 "$scratch/disk"
mkdir "$scratch/cache"
mount -o loop "$scratch/disk" "$scratch/cache"
at_exit umount "$scratch/cache"
mkdir "$scratch/cache/sha256"
jq -r '.packages[].sha256' "$lock" | (cd "$(test_cache)/sha256" && xargs cp -t "$scratch/cache/sha256")
cached=("$kiln" build "$profile" --cache "$scratch/cache" --out "$scratch/second" --offline)
no_room() { # NAME MIB: with so much left
    local free
    free=$(df --output=avail -BM "$scratch/cache" | tr -dc 0-9)
    fallocate -l $((free - $2))M "$scratch/cache/ballast"
    full "$1" "${cached[@]}"
    same "$1: no work in progress is left over" '' "$(cd "$scratch/cache/tmp" && find . -mindepth 1 -not -name '*.lock')"
    same "$1: what is there is whole" 0 "$("$kiln" -q cache verify --cache "$scratch/cache" --json | jq '.damaged | length')"
    same "$1: no image" '' "$(ls -A "$scratch/second" 2>/dev/null)"
    rm "$scratch/cache/ballast"
}
no_room 'no room to unpack packages' 60
check 'with more room the build goes on' "${cached[@]}"
same 'to the same SHA-256' "$want" "$(images "$scratch/second")"
rm -rf "$scratch/cache/steps" "$scratch/second"
no_room 'no room for a step' 40
check 'with more room this goes on as well' "${cached[@]}"
same 'and to the same SHA-256' "$want" "$(images "$scratch/second")"
