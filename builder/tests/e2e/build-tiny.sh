#!/usr/bin/env bash
# Building the tiny profile: the same bytes however it is built, nothing done twice, nothing believed unread.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

profile=$repo/qemu-test/profiles/tiny.yaml
cache=$(test_cache)

# own_cache NAME [OWNER]: a cache that has the downloads and the package index, and nothing else
own_cache() {
    local dir=$scratch/$1
    mkdir -p "$dir"
    cp -a "$cache/sha256" "$cache/apt" "$dir/"
    [ -z "${2:-}" ] || chown -R "$2" "$dir"
    echo "$dir"
}
sum() { sha256sum <"$1" | cut -c1-64; }
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
want=$(sum "$scratch/one/tiny.raw")

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

two=$(own_cache two)
check 'a clean build with one job, offline' "$kiln" build "$profile" --cache "$two" --out "$scratch/elsewhere/two" -j 1 --offline
same 'another directory, one job: the same SHA-256' "$want" "$(sum "$scratch/elsewhere/two/tiny.raw")"

if [ "$(id -u)" -ne 0 ]; then
    skip 'an ordinary user builds the same SHA-256' 'this test needs root to become another user'
else
    user=kiln-test-$$
    useradd --create-home --shell /bin/bash "$user"
    at_exit userdel --remove "$user"
    grep -q "^$user:" /etc/subuid || usermod --add-subuids 900000-965535 --add-subgids 900000-965535 "$user"
    home=$(getent passwd "$user" | cut -d: -f6)
    mkdir "$home/cache"
    cp -a "$cache/sha256" "$cache/apt" "$home/cache/"
    cp -a "$repo" "$home/kiln"
    cp "$kiln" "$home/kiln.bin"
    chown -R "$user:" "$home"
    check 'an ordinary user builds, with two jobs' \
        runuser -u "$user" -- env KILN_DATA="$home/kiln" "$home/kiln.bin" build "$home/kiln/qemu-test/profiles/tiny.yaml" \
        --cache "$home/cache" --out "$home/out" -j 2 --offline
    same 'an ordinary user: the same SHA-256' "$want" "$(sum "$home/out/tiny.raw")"
    check 'an ordinary user verifies the cache' runuser -u "$user" -- "$home/kiln.bin" cache verify --cache "$home/cache"
    # Trees of sub-ids cannot be removed from outside their namespace but by root.
    rm -rf "$home/cache"
fi

# Killed at random moments: what is there afterwards is whole or not there.
three=$(own_cache three)
RANDOM=7 kills=0
for _ in $(seq 20); do
    setsid "$kiln" build "$profile" --cache "$three" --out "$scratch/three" --offline >/dev/null 2>&1 &
    pid=$!
    sleep "$((RANDOM % 5)).$((RANDOM % 10))"
    kill -9 "$pid" 2>/dev/null && kills=$((kills + 1))
    wait "$pid" 2>/dev/null
done
check "a build after $kills kills" "$kiln" build "$profile" --cache "$three" --out "$scratch/three" --offline
same 'killed and resumed: the same SHA-256' "$want" "$(sum "$scratch/three/tiny.raw")"
same 'nothing is left over in the cache' '' "$(ls "$three/tmp")"

# A download that rotted is noticed when it is read, and fetched again.
rotten=$three/sha256/$(jq -r '[.packages[].sha256] | sort | first' "${profile%.yaml}.lock")
chmod u+w "$rotten" && printf 'rot' | dd of="$rotten" bs=1 seek=100 conv=notrunc status=none
rm -rf "$three/unpacked" "$three/steps"
said=$("$kiln" build "$profile" --cache "$three" --out "$scratch/four" 2>&1)
status=$?
if [ $status -eq 0 ] && grep -q 'corrupt' <<<"$said"; then
    same 'a corrupted download is noticed and replaced: the same SHA-256' "$want" "$(sum "$scratch/four/tiny.raw")"
else
    not_ok 'a corrupted download is noticed and replaced' "status $status"$'\n'"$said"
fi
# What rotted in a finished step is not noticed by a build; verify does, and the next build makes it again.
same 'a sound cache: status' 0 "$("$kiln" cache verify --cache "$three" >"$scratch/sound" 2>&1; echo $?)"
same 'a sound cache: nothing is damaged' ' 0 damaged' "$(grep -o ' 0 damaged$' "$scratch/sound")"
step=$(cd "$three" && ls -d steps/store-*)
printf 'rot' | dd of="$three/$step/store.squashfs" bs=1 seek=5000 conv=notrunc status=none
package=$(cd "$three" && find unpacked -mindepth 1 -maxdepth 1 | sort | head -n 1)
rm -r "${three:?}/$package/control"
said=$("$kiln" cache verify --cache "$three" --json 2>"$scratch/hint")
same 'a damaged cache: status 5' 5 $?
same 'what is damaged is named' "$step $package" "$(jq -r '.damaged | join(" ")' <<<"$said")"
same 'and the error says how many' 'kiln: error: cache: 2 damaged
kiln: hint: they are removed: the next build makes or fetches them again' "$(grep '^kiln:' "$scratch/hint")"
same 'and removed' '' "$(ls -d "$three/$step" "$three/$package" 2>/dev/null)"
check 'a build after it' "$kiln" build "$profile" --cache "$three" --out "$scratch/five" --offline
same 'the same SHA-256' "$want" "$(sum "$scratch/five/tiny.raw")"
check 'and the cache is sound' "$kiln" cache verify --cache "$three"
rm -rf "$scratch/elsewhere" "$scratch/three" "$scratch/five" "$scratch/four" "$two" "$three"

# Nothing secret in the image.
check 'the root opens' unsquashfs -q -n -d "$scratch/root" "$(echo "$cache"/steps/root-*/root.squashfs | tr ' ' '\n' | xargs ls -t | head -n 1)"
check 'the store opens' unsquashfs -q -n -d "$scratch/store" "$(echo "$cache"/steps/store-*/store.squashfs | tr ' ' '\n' | xargs ls -t | head -n 1)"
same 'no private key in root or store' '' \
    "$(grep -rlI --binary-files=without-match -e '^-----BEGIN .*PRIVATE KEY-----' "$scratch/root" "$scratch/store" 2>/dev/null)"
same 'no machine id in the root' '' "$(tr -d '\n' <"$scratch/root/etc/machine-id")"
same 'no password hash in any shadow file' '' \
    "$(find "$scratch/root" "$scratch/store" -path '*/etc/shadow*' -type f -exec cut -d: -f2 {} + | grep -E '^\$' || true)"
same 'no ssh host key' '' "$(find "$scratch/root" "$scratch/store" -name 'ssh_host_*')"
