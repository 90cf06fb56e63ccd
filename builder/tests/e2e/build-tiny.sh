#!/usr/bin/env bash
# Building the tiny profile: the same bytes however it is built, nothing done twice, nothing believed unread.
# level: check
# alone
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

# shellcheck source=builder/tests/e2e/builds.bash
. "$(dirname "$0")/builds.bash"

profile=$(profile_file tiny)
cache=$(test_cache)

no_change() { # no_change DIR: milliseconds of a build with nothing to do, the best of three
    local begun ms best=
    for _ in 1 2 3; do
        begun=$(date +%s%N)
        "$kiln" build "$profile" --cache "$cache" --out "$1" >/dev/null 2>&1 || return 1
        ms=$((($(date +%s%N) - begun) / 1000000))
        [ "${best:-$ms}" -lt "$ms" ] || best=$ms
    done
    echo "$best"
}

check 'tiny builds from what the mirror has' "$kiln" build "$profile" --cache "$cache" --out "$scratch/one"
want=$(images "$scratch/one")

ms=$(no_change "$scratch/one")
if [ "${ms:-9999}" -lt 300 ]; then ok "a build with nothing changed takes under 0.3 s ($ms ms)"; else not_ok "a build with nothing changed takes under 0.3 s" "$ms ms"; fi

# The plan knows what was built, and a disk that it does not fit is refused before anything is made.
plans() { # PROFILE PATTERN
    local said
    said=$("$kiln" plan "$1" --cache "$cache" 2>&1)
    grep -qE "$2" <<<"$said" || { echo "$said" && return 1; }
}
check 'after a build the plan says what the images take' plans "$profile" '^  disk .*two slots of root \([0-9.]+ MiB\) and store \([0-9.]+ MiB\), as built$'
small=$repo/qemu-test/profiles/small-disk-$$
at_exit rm -f "$small.yaml" "$small.lock"
sed 's/disk: 2G/disk: 700M/' "$profile" >"$small.yaml"
cp "${profile%.yaml}.lock" "$small.lock"
check 'a disk too small for two slots of each is refused' plans "$small.yaml" \
    'error: .*yaml:5:10: machine: disk: 7[0-9][0-9] MiB are needed, the machine has 700 MiB$'
refuses() { ! "$kiln" build "$small.yaml" --cache "$cache" --out "$scratch/small" && [ ! -e "$scratch/small" ]; }
check 'and not built' refuses
rm "$small.yaml" "$small.lock"

if [ "$(id -u)" -ne 0 ]; then
    skip 'an ordinary user builds the same SHA-256' 'this test needs root to become another user'
    own_cache "$scratch/again"
    check 'a clean build with one job' timed_build "$scratch/timings" "$kiln" build "$profile" --cache "$scratch/again" --out "$scratch/one-job" -j 1 --offline
    same 'one job: the same SHA-256' "$want" "$(images "$scratch/one-job")"
    remove_all "$scratch/again"
else
    user=kiln-test-$$
    useradd --create-home --shell /bin/bash "$user"
    at_exit userdel --remove "$user"
    grep -q "^$user:" /etc/subuid || usermod --add-subuids 900000-965535 --add-subgids 900000-965535 "$user"
    home=$(getent passwd "$user" | cut -d: -f6)
    mkdir "$home/kiln"
    cp -a "$repo"/{builder,firmware,overlays,profiles,qemu-test} "$home/kiln/"
    cp "$kiln" "$home/kiln.bin"
    chown -R "$user:" "$home"
    own_cache "$home/cache"
    find "$home/cache" -type d -exec chown "$user:" {} + # and not the files, which belong to the test cache, too
    check 'an ordinary user builds, with one job' \
        timed_build "$scratch/timings" runuser -u "$user" -- env KILN_DATA="$home/kiln" "$home/kiln.bin" \
        build "$home/kiln/qemu-test/profiles/tiny.yaml" --cache "$home/cache" --out "$home/out" -j 1 --offline
    same 'an ordinary user: the same SHA-256' "$want" "$(images "$home/out")"
    check 'an ordinary user verifies the cache' runuser -u "$user" -- "$home/kiln.bin" cache verify --cache "$home/cache"
    check 'and removes all of it, trees of sub-ids too' runuser -u "$user" -- "$home/kiln.bin" cache prune --unused 0 --cache "$home/cache"
    same 'nothing of it is left' '' "$(find "$home"/cache/{sha256,steps,unpacked,tmp} -mindepth 1)"
    rm -rf "$home/cache"
fi

# From nothing in another directory with two jobs, killed at random moments: what is there afterwards is whole or not there.
own=$scratch/own
own_cache "$own"
killed_builds 20 "$scratch/timings" "$want" "$profile" "$own" "$scratch/elsewhere/killed" -j 2

# A download that rotted is noticed when it is read, and fetched again.
rotten=$(jq -r '.packages[.sets["image/tiny/tiny"][0]].sha256' "${profile%.yaml}.lock")
cp "$own/sha256/$rotten" "$scratch/rotten" # the test cache keeps its own, which is the same file
printf 'rot' | dd of="$scratch/rotten" bs=1 seek=100 conv=notrunc status=none
mv -f "$scratch/rotten" "$own/sha256/$rotten"
remove_all "$own/unpacked/$rotten" "$own"/steps/{tree,layer}-image-* "$own"/steps/store-*
said=$("$kiln" build "$profile" --cache "$own" --out "$scratch/mended" 2>&1)
status=$?
if [ $status -eq 0 ] && grep -q 'corrupt' <<<"$said"; then
    same 'a corrupted download is noticed and replaced: the same SHA-256' "$want" "$(images "$scratch/mended")"
else
    not_ok 'a corrupted download is noticed and replaced' "status $status"$'\n'"$said"
fi
# A step that reads what is below a tree waits for it, although the tree itself is there.
remove_all "$own"/steps/{tree-base,layer-image}-*
check 'steps that are missing below others are made first' "$kiln" build "$profile" --cache "$own" --out "$scratch/below" --offline
# What rotted in a finished step is not noticed by a build; verify does, and the next build makes it again.
same 'a sound cache: status' 0 "$("$kiln" cache verify --cache "$own" >"$scratch/sound" 2>&1; echo $?)"
same 'a sound cache: nothing is damaged' ' 0 damaged' "$(grep -o ' 0 damaged$' "$scratch/sound")"
step=$(cd "$own" && ls -d steps/store-*)
printf 'rot' | dd of="$own/$step/store.squashfs" bs=1 seek=5000 conv=notrunc status=none
package=$(cd "$own" && find unpacked -mindepth 1 -maxdepth 1 | sort | head -n 1)
rm -r "${own:?}/$package/control"
said=$("$kiln" cache verify --cache "$own" --json 2>"$scratch/hint")
same 'a damaged cache: status 5' 5 $?
same 'what is damaged is named' "$step $package" "$(jq -r '.damaged | join(" ")' <<<"$said")"
same 'and the error says how many' 'kiln: error: cache: 2 damaged
kiln: hint: they are removed: the next build makes or fetches them again' "$(grep '^kiln:' "$scratch/hint")"
same 'and removed' '' "$(ls -d "$own/$step" "$own/$package" 2>/dev/null)"
check 'a build after it' "$kiln" build "$profile" --cache "$own" --out "$scratch/five" --offline
same 'the same SHA-256' "$want" "$(images "$scratch/five")"
check 'and the cache is sound' "$kiln" cache verify --cache "$own"

# Nothing secret in the image.
check 'the root opens' unsquashfs -q -n -d "$scratch/root" "$own"/steps/root-*/root.squashfs
check 'the store opens' unsquashfs -q -n -d "$scratch/store" "$own"/steps/store-*/store.squashfs
nothing_secret tiny "$scratch/root" "$scratch/store"
