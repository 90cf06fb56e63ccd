#!/usr/bin/env bash
# kiln inspect on a real image, raw and qcow2, through libguestfs.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

cache=$(test_cache)
check 'tiny is built as raw and qcow2' "$kiln" build "$(profile_file tiny)" --format raw,qcow2 --cache "$cache" --out "$scratch"

# libguestfs starts a machine for each, on one core: both at a time.
pids=()
for format in raw qcow2; do
    "$kiln" -q inspect --json --cache "$cache" "$scratch/tiny.$format" >"$scratch/$format.json" 2>"$scratch/$format.err" &
    pids+=($!)
done
for format in raw qcow2; do
    said=$scratch/$format.json
    wait "${pids[0]}"
    same "inspect opens $format" 0 "$?$(<"$scratch/$format.err")"
    pids=("${pids[@]:1}")
    look() { jq -r "$1" "$said"; }
    same "$format: the format" "$format" "$(look .format)"
    same "$format: the partitions, in order" 'esp root root_verity _empty _empty store store_verity _empty _empty' \
        "$(look '[.partitions[].label | sub("^kiln_[^_]*_"; "")] | join(" ")')"
    same "$format: what they hold" 'vfat squashfs DM_verity_hash null null squashfs DM_verity_hash null null' \
        "$(look '[.partitions[].content | tostring] | join(" ")')"
    same "$format: the appliance" tiny "$(look .appliance.name)"
    same "$format: the OS" kiln "$(look .os.id)"
    same "$format: the store's images" localhost/kiln/tiny/tiny:kiln "$(look '[.containers[].name] | join(" ")')"
    same "$format: systemd, podman and no compiler" 'podman systemd' \
        "$(look '[.packages[].name | select(. == "systemd" or . == "podman" or startswith("gcc-14-x"))] | sort | join(" ")')"
done
same 'raw and qcow2 say the same' "$(jq -S 'del(.image,.format,.size)' "$scratch/raw.json")" \
    "$(jq -S 'del(.image,.format,.size)' "$scratch/qcow2.json")"

# Two images say the same of themselves, in whatever format they are.
same 'kiln diff of both' "$scratch/tiny.raw and $scratch/tiny.qcow2: no difference" \
    "$("$kiln" -q diff "$scratch/tiny.raw" "$scratch/tiny.qcow2" --cache "$cache" 2>&1)"

# With one package more, from the same index of the mirror.
export KILN_DATA=$repo
ln -s "$repo/qemu-test/overlays" "$scratch/overlays"
for which in one more; do
    mkdir "$scratch/$which"
    printf 'profile: tiny\nextends: %s\n' "$(profile_file tiny)" >"$scratch/$which/tiny.yaml"
done
echo 'packages: [hello]' >>"$scratch/more/tiny.yaml"
check 'tiny is locked' "$kiln" lock "$scratch/one/tiny.yaml" --cache "$cache"
check 'and with one package more' "$kiln" lock "$scratch/more/tiny.yaml" --cache "$cache" --offline
for which in one more; do
    check "$which is built" "$kiln" build "$scratch/$which/tiny.yaml" --cache "$cache" --out "$scratch/$which"
done
versions=$(for which in one more; do jq -r '.packages[0].versionInfo' "$scratch/$which/tiny.spdx.json"; done | xargs)
hello=$(jq -r '.packages["hello:amd64"].version' "$scratch/more/tiny.lock")
"$kiln" -q diff "$scratch/one/tiny.raw" "$scratch/more/tiny.raw" --cache "$cache" >"$scratch/forth.txt" 2>&1 &
forth=$!
"$kiln" -q diff "$scratch/more/tiny.raw" "$scratch/one/tiny.raw" --cache "$cache" --json >"$scratch/back.json" 2>"$scratch/back.err"
same 'the other way round, as JSON: status 9' 9 "$?$(<"$scratch/back.err")"
wait "$forth"
same 'two images that differ: status 9' 9 $?
same 'in what' "$scratch/one/tiny.raw -> $scratch/more/tiny.raw
  version    ${versions/ / -> }

os  1 added
  + hello:amd64  $hello" "$(<"$scratch/forth.txt")"
same 'the same in JSON' "{\"same\":false,\"versions\":\"${versions#* } ${versions% *}\",\"trees\":[{\"tree\":\"os\",\"change\":\"changed\",\"packages\":[{\"package\":\"hello:amd64\",\"change\":\"removed\",\"from\":\"$hello\",\"to\":null}]}],\"images\":[]}" \
    "$(jq -c '{same, versions: "\(.from.version) \(.to.version)", trees: [.trees[] | {tree, change, packages: [.packages[] | {package, change, from, to}]}], images}' "$scratch/back.json")"

# A host without libguestfs: in a mount namespace its file is an empty one.
library=$(ldconfig -p | awk '/^\tlibguestfs\.so\.0 / { print $NF; exit }')
if [ "$(id -u)" -eq 0 ] && [ -n "$library" ]; then
    # shellcheck disable=SC2016 # for the inner shell
    refused 'without libguestfs: what to install' 7 "kiln: error: inspect: libguestfs is not on this host ($library: file too short)
kiln: hint: apt-get install libguestfs0 (it needs a kernel in /boot: linux-image-amd64 or the like)" \
        unshare --mount sh -c 'mount --bind /dev/null "$0" && exec "$@"' "$(realpath "$library")" "$kiln" -q inspect "$scratch/tiny.raw"
else
    skip 'without libguestfs: what to install' 'needs root and libguestfs'
fi

echo 'profile: site' >"$scratch/site.yaml"
refused 'a profile is no image' 5 "kiln: error: inspect $scratch/site.yaml: no disk image: its size is not in whole sectors" \
    "$kiln" -q inspect "$scratch/site.yaml"
refused 'a file that is not there' 6 "kiln: error: inspect $scratch/none: No such file or directory
kiln: hint: \"kiln build PROFILE\" makes out/NAME.raw" \
    "$kiln" -q inspect "$scratch/none"
qemu-img create -q -f qcow2 -b "$scratch/tiny.raw" -F raw "$scratch/leaning.qcow2"
refused 'a qcow2 that leans on another file' 5 \
    "kiln: error: $scratch/leaning.qcow2: this qcow2 image names another file that holds its data
kiln: hint: \`qemu-img convert\` makes it one file, if you trust where it came from" "$kiln" -q inspect "$scratch/leaning.qcow2"
