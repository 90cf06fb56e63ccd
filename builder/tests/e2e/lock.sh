#!/usr/bin/env bash
# kiln lock and kiln fetch on the build host's own Debian mirror, as root and as an ordinary user, and where they must refuse.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

# Profiles of our own: what tiny needs is found above them and in KILN_DATA.
export KILN_DATA=$scratch/data
data_copy "$KILN_DATA"
ln -s "$KILN_DATA/qemu-test/overlays" "$scratch/overlays"
profile() { # DIR [LINE...]: tiny, with further lines
    mkdir -p "$scratch/$1"
    {
        printf 'profile: %s\nextends: %s\n' "$1" "$KILN_DATA/qemu-test/profiles/tiny.yaml"
        [ $# -lt 2 ] || printf '%s\n' "${@:2}"
    } >"$scratch/$1/$1.yaml"
    echo "$scratch/$1/$1.yaml"
}
chmod 755 "$scratch"
tiny=$(profile tiny)
cache=$scratch/cache
lock=$scratch/tiny/tiny.lock

check 'kiln lock' "$kiln" -q lock "$tiny" --cache "$cache"
cp "$lock" "$scratch/first.lock" || exit 1
check 'kiln lock --offline, from the index of before' "$kiln" -q lock "$tiny" --cache "$cache" --offline
check 'the same bytes offline' cmp "$lock" "$scratch/first.lock"
same 'a second lock says that nothing changed' '[]' \
    "$("$kiln" -q lock "$tiny" --cache "$cache" --offline --json | jq -c .changes)"
check 'every set of the trees is there' jq -e '[.sets | has("tools", "base", "os", "image/tiny/tiny")] | all' "$lock"
check 'the base has the essential packages' jq -e '.sets.base | contains(["dpkg:amd64", "bash:amd64", "libc6:amd64"])' "$lock"
check 'no tree holds what its parent has' jq -e '.sets.base - .sets["image/tiny/tiny"] == .sets.base' "$lock"
check 'updates and security are among the sources' \
    jq -e '[.sources[].suite] | contains(["trixie", "trixie-updates", "trixie-security"])' "$lock"

if [ "$(id -u)" = 0 ]; then
    mkdir "$scratch/user" && chown 65534:65534 "$scratch/user"
    cp "$tiny" "$scratch/user/tiny.yaml" && chmod 644 "$scratch/user/tiny.yaml"
    check 'kiln lock as an ordinary user' setpriv --reuid 65534 --regid 65534 --clear-groups \
        env HOME="$scratch/user" "$(public "$kiln")" -q lock "$scratch/user/tiny.yaml" --cache "$scratch/user/cache"
    check 'the same bytes for an ordinary user' cmp "$scratch/user/tiny.lock" "$scratch/first.lock"
else
    skip 'kiln lock as another user' 'this test does not run as root'
fi

check 'kiln fetch' "$kiln" -q fetch "$tiny" --cache "$cache"
same 'a second fetch loads nothing' 0 "$("$kiln" -q fetch "$tiny" --cache "$cache" --offline --json | jq .fetched)"
blob=$cache/sha256/$(jq -r '.packages["dpkg:amd64"].sha256' "$lock")
: >"$blob"
refused 'a file cut short is missing' 4 "kiln: error: package dpkg $(jq -r '.packages["dpkg:amd64"].version' "$lock"): \
not in the cache, and --offline forbids to fetch it
kiln: hint: run \"kiln fetch\" with a network" "$kiln" -q fetch "$tiny" --cache "$cache" --offline
check 'and is fetched again' "$kiln" -q fetch "$tiny" --cache "$cache"
all_sound() { (cd "$cache/sha256" && for f in *; do echo "$f  $f"; done | sha256sum --quiet -c); }
check 'all downloads have their SHA-256' all_sound
same 'nothing is left of the work' '' "$(find "$cache/tmp" "$cache/partial" -mindepth 1)"

# Killed at any moment, the next fetch completes.
for seconds in 0.1 0.2 0.3 0.5 0.8 1.2; do
    rm -rf "$cache/sha256" "$cache/partial"
    timeout -s KILL "$seconds" "$kiln" -q fetch "$tiny" --cache "$cache" >/dev/null 2>&1
    "$kiln" -q fetch "$tiny" --cache "$cache" >/dev/null || break
done
check 'a killed fetch is completed by the next' all_sound
same 'with every package' "$(jq '.packages | length' "$lock")" "$(find "$cache/sha256" -type f | wc -l)"

printf '{"kiln": 1' >"$lock"
refused 'a broken lock' 5 "kiln: error: $lock:1:10: '}' expected near end of file
kiln: hint: repair it, or remove it and let \"kiln lock $tiny\" make a new one" "$kiln" -q fetch "$tiny" --cache "$cache"

away=$(profile away 'mirror: http://127.0.0.1:1/debian')
refused 'an unreachable mirror' 4 \
    'kiln: error: mirror: http://127.0.0.1:1/debian/dists/trixie/InRelease: no connection: Connection refused
kiln: hint: check that this host can reach it, or name another with mirror: in the profile' \
    "$kiln" -q lock "$away" --cache "$cache"
check 'leaves no lock' test ! -e "$scratch/away/away.lock"
gone=$(profile gone)
sed -E 's,"uri": ?"[^"]*","uri": "http://127.0.0.1:1/debian",' "$scratch/first.lock" >"$scratch/gone/gone.lock"
first=$(jq -r '.packages | to_entries | min_by(.key).value.path' "$scratch/gone/gone.lock")
version=$(jq -r '.packages | to_entries | min_by(.key) | "\(.key | sub(":.*"; "")) \(.value.version)"' "$scratch/gone/gone.lock")
refused 'a mirror that is gone when packages are fetched: one error for all of them' 4 \
    "kiln: error: package $version: http://127.0.0.1:1/debian/$first: no connection: Connection refused (5 attempts)
kiln: hint: check that this host can reach the server; what arrived is kept and continued next time" \
    "$kiln" -q build "$gone" --cache "$scratch/empty" --out "$scratch/none"
same 'nothing is left of them, nor is there an image' '' "$(find "$scratch/empty/sha256" "$scratch/empty/partial" "$scratch/empty/tmp" "$scratch/none" -type f 2>/dev/null)"
nosuite=$(profile nosuite 'suite: nosuch')
mirror=$(jq -r '.sources[0].uri' "$scratch/first.lock")
refused 'a suite that the mirror lacks' 2 "kiln: error: mirror $mirror does not serve the suite nosuch
kiln: hint: name another with mirror: in the profile, or another suite:" "$kiln" -q lock "$nosuite" --cache "$cache"
nopackage=$(profile nopackage 'packages: [openssh-sever]')
refused 'a package that does not exist' 3 "kiln: error: tree os: there is no package \"openssh-sever\" in trixie ($mirror)
kiln: hint: did you mean \"openssh-server\"?" "$kiln" -q lock "$nopackage" --cache "$cache"
refused 'offline without an index' 4 "kiln: error: no package index of $mirror is in the cache, and --offline forbids to fetch it
kiln: hint: run \"kiln lock\" once with a network" "$kiln" -q lock "$tiny" --cache "$scratch/cache2" --offline

mkdir "$scratch/small"
if mount -t tmpfs -o size=1m none "$scratch/small" 2>/dev/null; then
    at_exit umount "$scratch/small"
    refused 'a full disk' 6 "kiln: error: cache $scratch/small: no room for a package index (256 MiB)
kiln: hint: free some space (\"kiln cache prune\"), or put the cache on a larger disk with --cache DIR" \
        "$kiln" -q lock "$tiny" --cache "$scratch/small"
else
    skip 'a full disk' 'no tmpfs can be mounted here'
fi
