#!/usr/bin/env bash
# The SPDX document that a build leaves beside its images, before spdx-tools (of the SPDX project) and packageurl-python.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

profile=$(profile_file tiny)
check 'tiny is built' "$kiln" build "$profile" --cache "$(test_cache)" --out "$scratch/out"
document=$scratch/out/tiny.spdx.json
check 'its document stands beside the image' test -s "$document"
same 'and is that of kiln sbom, with version and root hashes' \
    "$("$kiln" sbom "$profile" --cache "$(test_cache)" | jq -S 'del(.documentNamespace)')" \
    "$(jq -S 'del(.documentNamespace, .packages[0].versionInfo, .packages[0].externalRefs)' "$document")"
same 'the version is that of the image' "$("$kiln" build "$profile" --cache "$(test_cache)" --out "$scratch/out" --json | jq -c '[.version, .root_hash, .store_hash]')" \
    "$(jq -c '.packages[0] | [.versionInfo, .externalRefs[].referenceLocator]' "$document")"
# What lies within the image cannot say what follows from the image, and says all the rest.
root_at=$(sfdisk -J "$scratch/out/tiny.raw" | jq '.partitiontable | .sectorsize as $s | .partitions[] | select(.name // "" | endswith("_root")) | .start * $s')
"$kiln" sbom "$profile" --cache "$(test_cache)" >"$scratch/told.json"
unsquashfs -o "$root_at" -cat "$scratch/out/tiny.raw" usr/lib/kiln/sbom.spdx.json >"$scratch/within.json"
check 'the image has that of kiln sbom within, to the byte' cmp "$scratch/told.json" "$scratch/within.json"
same 'every package of the lock is in it' "$(jq -r '.packages | to_entries[] | "\(.key | sub(":.*"; "")) \(.value.sha256)"' "${profile%.yaml}.lock" | sort)" \
    "$(jq -r '.packages[] | select(.SPDXID | startswith("SPDXRef-deb-")) | "\(.name) \(.checksums[0].checksumValue)"' "$document" | sort)"
same 'and each has a supplier and a source' '' "$(jq -r '([.relationships[] | select(.relationshipType == "GENERATED_FROM").spdxElementId]) as $made
    | .packages[] | select(.SPDXID | startswith("SPDXRef-deb-")) | select(.supplier == null or (.SPDXID | IN($made[]) | not)).name' "$document")"

why=$( (python3 -m venv "$scratch/venv" && "$scratch/venv/bin/pip" install --quiet spdx-tools packageurl-python) 2>&1) || {
    skip 'a validator reads it' "spdx-tools cannot be had: $(tail -n 1 <<<"$why")"
    exit
}
for file in "$document" "$repo/builder/tests/golden/sbom/small.spdx.json"; do
    check "spdx-tools finds ${file##*/} valid" "$scratch/venv/bin/pyspdxtools" -i "$file"
    same "${file##*/}: package URLs are as packageurl-python writes them" '' "$(jq -r '.packages[].externalRefs[]? | select(.referenceType == "purl").referenceLocator' "$file" |
        "$scratch/venv/bin/python" -c '
import sys
from packageurl import PackageURL
seen = sys.stdin.read().split()
print(*[p for p in seen if PackageURL.from_string(p).to_string() != p], end="" if seen else "none at all")')"
done
# A validator that takes everything would show nothing.
jq 'del(.relationships[0])' "$document" >"$scratch/nothing-described.spdx.json"
jq '.packages[1].checksums[0].checksumValue = "00"' "$document" >"$scratch/checksum.spdx.json"
jq '.relationships[1].relatedSpdxElement = "SPDXRef-none"' "$document" >"$scratch/relationship.spdx.json"
for wrong in nothing-described checksum relationship; do
    if "$scratch/venv/bin/pyspdxtools" -i "$scratch/$wrong.spdx.json" >/dev/null 2>&1; then not_ok "spdx-tools refuses a wrong $wrong"; else ok "spdx-tools refuses a wrong $wrong"; fi
done
