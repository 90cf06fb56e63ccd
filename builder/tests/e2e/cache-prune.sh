#!/usr/bin/env bash
# kiln cache prune: what the last build used stays and the rest goes; killed in the middle it leaves nothing that is half there.
# level: check
# minutes: 2
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/builds.bash
. "$(dirname "$0")/builds.bash"

profile=$(profile_file tiny)
check 'tiny is built' "$kiln" build "$profile" --cache "$(test_cache)" --out "$scratch/whole"
want=$(images "$scratch/whole")
# Copies: this test changes times, and links would have one with those of the test cache.
cache=$scratch/cache
mkdir -p "$cache/sha256" "$cache/keys"
jq -r '.packages[].sha256' "${profile%.yaml}.lock" | (cd "$(test_cache)/sha256" && xargs cp -t "$cache/sha256")
echo precious >"$cache/keys/modules.pem"
tiny=("$kiln" build "$profile" --cache "$cache" --out "$scratch/out" --offline)
prune=("$kiln" -q cache prune --cache "$cache")
check 'tiny is built in a cache of its own' "${tiny[@]}"
steps() { (cd "$cache" && find steps unpacked -mindepth 1 -maxdepth 1 | sort); }
kept=$(steps)

# Of another profile, of long ago.
mkdir -p "$cache/steps/root-0123456789abcdef0123456789abcdef/deep"
old=$(printf '0123456789abcdef%.0s' 1 2 3 4)
echo download >"$cache/sha256/$old"
echo '{}' >"$cache/images/$old.json"
head -c 5M /dev/urandom >"$cache/steps/root-0123456789abcdef0123456789abcdef/deep/file"
find "$cache"/{sha256,steps,unpacked,images} -mindepth 1 -maxdepth 1 -exec touch -d '-40 days' {} +
before=$(stat -c '%Y' "$cache"/steps/root-* | sort -n | tail -n 1)
check 'a build that finds all in the cache' "${tiny[@]}"
check 'has noted that it did' test "$(stat -c '%Y' "$cache"/steps/root-* | sort -n | tail -n 1)" -gt "$before"
said=$("${prune[@]}" --dry-run --json)
same 'a dry run says what would go' "true images/$old.json sha256/$old steps/root-0123456789abcdef0123456789abcdef" \
    "$(jq -r '"\(.dry_run) \(.removed | sort | join(" "))"' <<<"$said")"
check 'and lets it stay' test -f "$cache/steps/root-0123456789abcdef0123456789abcdef/deep/file"
had=$(du -s --block-size=1 "$cache" | cut -f 1)
freed=$("${prune[@]}" --json | jq .freed)
now=$(du -s --block-size=1 "$cache" | cut -f 1)
check 'what it freed is free' test $((had - now - freed)) -lt $((1 << 20)) -a $((had - now - freed)) -gt $((-1 << 20))
check 'and not little' test "$freed" -gt $((5 << 20))
same 'what the build uses is there' "$kept" "$(steps)"
rm -rf "$scratch/out"
check 'it builds' "${tiny[@]}"
same 'the same SHA-256' "$want" "$(images "$scratch/out")"
rm -rf "$scratch/out"
check 'also from its downloads alone' sh -c "rm -rf '$cache/steps' '$cache/unpacked' && $(printf '%q ' "${tiny[@]}")"
same 'the same SHA-256 again' "$want" "$(images "$scratch/out")"
same 'what is left is said' '0 of' "$("${prune[@]}" | cut -c1-4)"

# Killed in the middle: nothing is left that a build would take for whole.
cut=0
for ms in 100 200 300 400 500 600 800; do
    timeout --foreground -s KILL "$(printf '0.%03d' $ms)" "${prune[@]}" --unused 0 >"$scratch/said" 2>&1
    [ $? -ne 137 ] || cut=$((cut + 1))
    echo "# after $ms ms $(steps | wc -l) are left"
    damaged=$("$kiln" -q cache verify --cache "$cache" --json 2>/dev/null | jq '.damaged | length')
    [ "$damaged" = 0 ] || not_ok "killed after $ms ms: the cache is sound" "$damaged damaged"
done
check "pruning was killed ($cut times) and left nothing damaged" test $cut -gt 2
check 'to the end' "${prune[@]}" --unused 0
same 'nothing is left' '' "$(cd "$cache" && find sha256 steps unpacked apt partial images models tmp -mindepth 1)"
same 'but the key' precious "$(cat "$cache/keys/modules.pem")"

refused 'a cache that another kiln works in' 6 "kiln: error: cache: another kiln is at work in $cache
kiln: hint: try again when it has ended" flock -s "$cache/lock" "${prune[@]}"
if [ "$(id -u)" -eq 0 ]; then
    refused "somebody else's cache" 1 "kiln: error: cache: $scratch/theirs belongs to user 65534: only they can prune it" \
        sh -c "mkdir -p '$scratch/theirs' && : >'$scratch/theirs/lock' && chown nobody '$scratch/theirs' && $(printf '%q ' "$kiln") cache prune --cache '$scratch/theirs'"
fi
