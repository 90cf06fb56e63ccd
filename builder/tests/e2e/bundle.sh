#!/usr/bin/env bash
# A bundle carries all that a build needs: from it alone, without a network and with an empty cache, come the same bytes.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

tiny=$repo/qemu-test/profiles/tiny.yaml
cache=$(test_cache)
bundle=$scratch/tiny.bundle
sum() { sha256sum <"$1" | cut -c1-64; }
hint='kiln: hint: carry it over again; "kiln bundle" makes a new one'

check 'tiny is built where there is a network' "$kiln" build "$tiny" --cache "$cache" --out "$scratch/one" --format raw
want=$(sum "$scratch/one/tiny.raw")
check 'kiln bundle' "$kiln" bundle -o "$bundle" "$tiny" --cache "$cache"
check 'again, offline' "$kiln" bundle "$tiny" -o "$scratch/again" --cache "$cache" --offline
same 'the same lock gives the same bundle' "$(sum "$bundle")" "$(sum "$scratch/again")"
rm "$scratch/again"
same 'tar sees the lock and what it names, sorted' \
    "$(echo lock && jq -r '.packages[].sha256 | "sha256/" + .' "${tiny%.yaml}.lock" | LC_ALL=C sort -u)" "$(tar -tf "$bundle")"
same 'without owners and times' '' "$(tar --numeric-owner --utc -tvf "$bundle" | grep -v '^-rw-r--r-- 0/0 .* 1970-01-01 00:00 ')"
check 'it verifies' "$kiln" bundle verify "$bundle"
same 'and says what is in it' "$(jq '.packages | length' "${tiny%.yaml}.lock") $(sum "${tiny%.yaml}.lock")" \
    "$("$kiln" bundle verify "$bundle" --json | jq -r '"\(.packages) \(.lock)"')"

# The other machine: the profile and its services, no lock, nothing in the cache.
data_copy "$scratch/away"
rm -f "$scratch"/away/qemu-test/profiles/*.lock "$scratch"/away/profiles/*.lock
away=$scratch/away/qemu-test/profiles/tiny.yaml
export KILN_DATA=$scratch/away
nothing_taken() { same "$1: nothing is left of it" '' "$(find "$scratch/cache" -mindepth 2; ls "${away%.yaml}.lock" 2>/dev/null)"; }

cp "$bundle" "$scratch/bad"
printf x | dd of="$scratch/bad" bs=1 seek=$(($(stat -c %s "$bundle") - 1100)) conv=notrunc status=none
said=$("$kiln" -q bundle verify "$scratch/bad" 2>&1 >/dev/null)
same 'a damaged bundle does not verify' 5 $?
refused 'nor is it built from' 5 "$said" "$kiln" -q build "$away" --offline --cache "$scratch/cache" --out "$scratch/two" --from "$scratch/bad"
last=$(tar -tf "$bundle" | tail -n 1)
if [[ $said == "kiln: error: $scratch/bad: $last (package "*$'\n'"$hint" ]]; then ok 'the error names the package'; else not_ok 'the error names the package' "$said"; fi
nothing_taken 'a damaged bundle'
truncate -s 100000 "$scratch/bad"
check 'a cut bundle is refused' grep -qE ': truncated: it ends after 100000 bytes, in ' <("$kiln" bundle verify "$scratch/bad" 2>&1)
rm "$scratch/bad"

cp "$away" "$scratch/was"
echo 'packages: [no-such-package]' >>"$away"
refused 'a bundle that does not fit the profile' 2 "kiln: error: $bundle: its lock does not fit $away: it has no package no-such-package, which os asks for
kiln: hint: bring the profile and the services that it was made of, or make a new bundle" \
    "$kiln" -q build "$away" --offline --cache "$scratch/cache" --out "$scratch/two" --from "$bundle"
mv "$scratch/was" "$away"
nothing_taken 'a bundle that does not fit'

if [ "$(id -u)" -ne 0 ]; then
    skip 'a build in a namespace without a network' 'this test needs root to make one'
    exit 0
fi
same 'the namespace has no way out' '' "$(unshare --net tail -n +2 /proc/net/route)"
check 'built there from the bundle, with an empty cache' \
    unshare --net "$kiln" build "$away" --offline --cache "$scratch/cache" --out "$scratch/two" --format raw --from "$bundle"
same 'the same SHA-256 as with a network' "$want" "$(sum "$scratch/two/tiny.raw")"
same 'the lock is beside the profile' "$(sum "${tiny%.yaml}.lock")" "$(sum "${away%.yaml}.lock")"
same 'the cache has what the bundle brought, no more' "$(tar -tf "$bundle" | sed -n 's,^sha256/,,p')" "$(ls "$scratch/cache/sha256")"
same 'and nothing unfinished' '' "$(ls "$scratch/cache/tmp")"
check 'the next build needs no bundle' unshare --net "$kiln" build "$away" --offline --cache "$scratch/cache" --out "$scratch/two" --format raw

jq -S '.epoch += 1' "${tiny%.yaml}.lock" >"${away%.yaml}.lock"
refused 'another lock beside the profile is not overruled' 2 "kiln: error: $bundle: its lock is another than ${away%.yaml}.lock
kiln: hint: remove ${away%.yaml}.lock to build what is in the bundle" \
    "$kiln" -q build "$away" --offline --cache "$scratch/cache" --out "$scratch/two" --from "$bundle"
