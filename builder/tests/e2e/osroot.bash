# shellcheck shell=bash
# For tests of the OS root of the tiny profile: built, mounted, looked at from inside by its own programs.
# shellcheck disable=SC2154 # scratch, repo and kiln are lib.bash's

# os_root NAME: sets root, store, out and var, or ends the script: NAME is skipped
os_root() {
    local name=$1 tool cache images
    skip_all() { skip "$name" "$1"; exit 0; }
    [ "$(id -u)" = 0 ] || skip_all 'needs root'
    for tool in systemd-nspawn mount losetup; do
        command -v "$tool" >/dev/null || skip_all "needs $tool"
    done
    cache=$(test_cache)
    check 'tiny is built' "$kiln" build "$repo/qemu-test/profiles/tiny.yaml" --cache "$cache" --out "$scratch/out"
    root=$scratch/root store=$scratch/store out=$scratch/inside var=$scratch/var
    mkdir "$root" "$store" "$out" "$var"
    # shellcheck disable=SC2012 # names of the cache: no surprises
    mapfile -t images < <(ls -t "$cache"/steps/root-*/root.squashfs)
    mounted "$root" usr/lib/os-release '^IMAGE_ID=tiny$' "${images[@]}" || skip_all "root: $(tail -n 1 "$scratch/mount.log")"
    at_exit umount "$root"
    # shellcheck disable=SC2012
    mapfile -t images < <(ls -t "$cache"/steps/store-*/store.squashfs)
    mounted "$store" containers/overlay-images/images.json '"localhost/kiln/tiny/tiny:kiln"' "${images[@]}" ||
        skip_all "store: $(tail -n 1 "$scratch/mount.log")"
    at_exit umount "$store"
}

# mounted DIR FILE TEXT IMAGE...: mounts the first of the file systems whose FILE has the TEXT
mounted() {
    local dir=$1 file=$2 text=$3 image
    shift 3
    for image in "$@"; do
        mount -o loop,ro "$image" "$dir" 2>"$scratch/mount.log" || return 1
        grep -q "$text" "$dir/$file" && return 0
        umount "$dir"
    done
    echo 'not there' >"$scratch/mount.log"
    return 1
}

# inside STORE SCRIPT [ARG...]: in the root, with what it writes to /var and /mnt kept
inside() {
    local from=$1 script=$2
    shift 2
    printf 'set -xeuo pipefail\n%s\n' "$script" >"$out/script"
    SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --directory="$root" --read-only --register=no --keep-unit \
        --private-network --capability=all --system-call-filter='@mount @keyring bpf' --timezone=off --resolv-conf=off \
        --link-journal=no --bind="$var:/var" --bind="$out:/mnt" --bind-ro="$from:/usr/lib/kiln/store" --pipe \
        bash /mnt/script "$@" </dev/null 2>&1
}
