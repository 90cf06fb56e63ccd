#!/usr/bin/env bash
# kiln sbom: the document of a lock, what a cache adds to it, and what it refuses. With KILN_UPDATE_GOLDEN set the expected
# document is written anew.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
cd "$repo/builder/tests/golden/sbom" || exit 1

[ -z "${KILN_UPDATE_GOLDEN:-}" ] || "$kiln" sbom small.lock --cache "$scratch/none" >small.spdx.json
same 'the document of a lock' "$(<small.spdx.json)" "$("$kiln" sbom small.lock --cache "$scratch/none")"
same 'as a file' "$scratch/small.spdx.json  24 packages" "$("$kiln" sbom small.lock --cache "$scratch/none" -o "$scratch/small.spdx.json")"
check 'the same bytes' cmp small.spdx.json "$scratch/small.spdx.json"
same 'said in JSON' "{\"file\":\"$scratch/a\",\"packages\":24,\"namespace\":$(jq .documentNamespace small.spdx.json)}" \
    "$("$kiln" sbom small.lock --cache "$scratch/none" --json -o "$scratch/a" | jq -c '{file, packages, namespace}')"
check 'no cache was made for it' test ! -e "$scratch/none"
same 'every relationship is about what is there' '' "$(jq -r '([.packages[].SPDXID] + [.SPDXID]) as $ids
    | .relationships[] | .spdxElementId, .relatedSpdxElement | select(IN($ids[]) | not)' small.spdx.json)"
# As the JSON schema of SPDX 2.3 spells it; the text of the specification has a hyphen.
same 'purposes are those of the schema' '' "$(jq -r '.packages[].primaryPackagePurpose // empty | select(IN("APPLICATION", "ARCHIVE", "CONTAINER", "DEVICE",
    "FILE", "FIRMWARE", "FRAMEWORK", "INSTALL", "LIBRARY", "OPERATING_SYSTEM", "OTHER", "SOURCE") | not)' small.spdx.json)"
same 'no id is given twice' '' "$(jq -r '.packages[].SPDXID' small.spdx.json | sort | uniq -d)"

# A package that the cache has says more: a real one.
mkdir -p "$scratch/deb/DEBIAN" "$scratch/cache/sha256"
: >"$scratch/cache/lock"
cat >"$scratch/deb/DEBIAN/control" <<'CONTROL'
Package: libstdc++6
Version: 14.2.0-19
Architecture: amd64
Source: gcc-14 (14.2.0-18)
Maintainer: Debian GCC Maintainers <debian-gcc@lists.example>
Homepage: https://gcc.example/
Description: C++ library
 A longer text.
CONTROL
dpkg-deb --build --root-owner-group "$scratch/deb" "$scratch/x.deb" >/dev/null || exit 1
hex=$(sha256sum "$scratch/x.deb" | cut -d' ' -f1)
mv "$scratch/x.deb" "$scratch/cache/sha256/$hex"
jq --arg hex "$hex" --argjson size "$(stat -c %s "$scratch/cache/sha256/$hex")" \
    '.packages["libstdc++6:amd64"] |= (.sha256 = $hex | .size = $size)' small.lock >"$scratch/small.lock"
"$kiln" sbom "$scratch/small.lock" --cache "$scratch/cache" >"$scratch/more.json"
same 'maintainer, home page and summary' \
    '["Organization: Debian GCC Maintainers (debian-gcc@lists.example)","https://gcc.example/","C++ library"]' \
    "$(jq -c '.packages[] | select(.name == "libstdc++6") | [.supplier, .homepage, .summary]' "$scratch/more.json")"
same 'the source package that it is made from' \
    'gcc-14 14.2.0-18 pkg:deb/debian/gcc-14@14.2.0-18?arch=source&distro=trixie' \
    "$(jq -r '(.relationships[] | select(.spdxElementId == "SPDXRef-deb-libstdcPP6-amd64" and .relationshipType == "GENERATED_FROM").relatedSpdxElement) as $id
        | .packages[] | select(.SPDXID == $id) | "\(.name) \(.versionInfo) \(.externalRefs[0].referenceLocator)"' "$scratch/more.json")"
same 'another document has another namespace' 2 \
    "$(cat small.spdx.json "$scratch/more.json" | jq .documentNamespace | sort -u | wc -l)"
printf 'rotten' | dd of="$scratch/cache/sha256/$hex" bs=1 seek=80 conv=notrunc status=none
same 'one that cannot be read says nothing more' null \
    "$("$kiln" sbom "$scratch/small.lock" --cache "$scratch/cache" | jq '.packages[] | select(.name == "libstdc++6").supplier')"

cd "$scratch" || exit 1
export KILN_DATA=$repo
refused 'no lock' 1 'kiln: error: sbom: a profile or a lock is missing
kiln: hint: for example: kiln sbom core' "$kiln" sbom
refused 'two' 1 'kiln: error: sbom: one profile at a time, found "core" as well
kiln: hint: for example: kiln sbom core' "$kiln" sbom core core
refused '-o without a file' 1 'kiln: error: sbom: -o needs a value
kiln: hint: for example: kiln sbom core' "$kiln" sbom core -o
refused 'a lock that is not there' 6 'kiln: error: open none.lock: No such file or directory
kiln: hint: "kiln lock PROFILE" makes it, beside the profile' "$kiln" sbom none.lock
refused 'a profile that is not locked' 6 'kiln: error: open core.lock: No such file or directory
kiln: hint: "kiln lock core" makes it' "$kiln" sbom core
jq '.suite = "bookworm"' small.lock >core.lock
refused 'a lock that does not fit its profile' 2 "kiln: error: core.lock does not fit $repo/profiles/core.yaml: it is of bookworm, the profile of trixie
kiln: hint: \"kiln lock core\" makes it anew" "$kiln" sbom core
refused 'a place that cannot be written' 6 "kiln: error: write $scratch/no/x.json: No such file or directory
kiln: hint: there is no directory $scratch/no" "$kiln" sbom small.lock -o "$scratch/no/x.json"
