# shellcheck shell=bash
# For tests of the container store: a Debian 13 tree with podman, a store mounted, commands in systemd-nspawn.
# $1 of podman_begin is the name of what is skipped when something is missing.
# shellcheck disable=SC2154 # scratch and build are lib.bash's

podman_begin() { # NAME TOOL...: sets $tree, or ends the script
    local name=$1 tool mirror
    shift
    podman_skip() { skip "$name" "$1"; exit 0; }
    [ "$(id -u)" = 0 ] || podman_skip 'needs root'
    for tool in systemd-nspawn mount "$@"; do
        command -v "$tool" >/dev/null || podman_skip "needs $tool"
    done
    tree=${KILN_TEST_TREE:-$build/test-tree}
    [ ! -e "$tree/usr/bin/podman" ] || return 0
    # Two scripts may want it at the same moment.
    exec 8>"$tree.lock"
    flock 8
    [ ! -e "$tree/usr/bin/podman" ] || { exec 8>&-; return 0; }
    command -v debootstrap >/dev/null || podman_skip 'needs debootstrap, or KILN_TEST_TREE'
    # shellcheck disable=SC2016 # apt's own variables
    mirror=$(apt-get indextargets --format '$(SITE) $(ORIGIN) $(CODENAME)' 'Created-By: Packages' |
        awk '$2 == "Debian" && $3 !~ /-/ {print $1; exit}')
    [ -n "$mirror" ] || podman_skip 'no Debian mirror in the apt configuration of this host'
    rm -rf --one-file-system "$tree.tmp" # one that was killed may have /proc in it
    if ! debootstrap --variant=minbase --include=podman,crun,squashfs-tools,catatonit trixie "$tree.tmp" "$mirror" \
        >"$scratch/debootstrap.log" 2>&1; then
        rm -rf --one-file-system "$tree.tmp"
        podman_skip "debootstrap failed: $(tail -n 1 "$scratch/debootstrap.log")"
    fi
    mv "$tree.tmp" "$tree"
    exec 8>&-
}

mount_store() { # FILE DIR: DIR shows the store, read-only
    mkdir -p "$2"
    if mount -o loop,ro "$1" "$2" 2>"$scratch/mount.log"; then
        at_exit umount "$2"
        return
    fi
    # No loop device here: the same files, unpacked.
    mount --bind "$(dirname "$1")" "$tree/mnt"
    chroot "$tree" unsquashfs -q -n -d "/mnt/$(basename "$2")" -f "/mnt/$(basename "$1")" >/dev/null
    umount "$tree/mnt"
    mount --bind -o ro "$2" "$2"
    at_exit umount "$2"
}

# podman_inside STORE OUT: the commands on stdin, with podman set up for the store. There, `say NAME COMMAND...` leaves
# output and status in OUT/NAME, and `run` starts a container.
podman_inside() {
    local store=$1 out=$2
    cat >"$out/inside.sh" <<'EOS'
mkdir -p /etc/containers
printf '[storage]\ndriver = "overlay"\nrunroot = "/run/containers/storage"\ngraphroot = "/var/lib/containers/storage"\n[storage.options]\nadditionalimagestores = ["/usr/lib/kiln/store/containers"]\n' >/etc/containers/storage.conf
printf '[containers]\npids_limit = 0\n' >/etc/containers/containers.conf
say() {
    local name=$1
    shift
    "$@" >"/out/$name" 2>&1
    echo "status $?" >>"/out/$name"
}
run() { podman run --rm --network=none --pull=never "$@"; }
. /out/commands.sh
du -s /var/lib/containers | cut -f1 >/out/written
EOS
    cat >"$out/commands.sh"
    timeout 300 env SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn -q -D "$tree" --volatile=overlay --keep-unit --register=no \
        --as-pid2 --private-network --capability=all --system-call-filter='@mount @keyring bpf' --bind-ro="$store:/usr/lib/kiln/store" \
        --tmpfs=/var/lib/containers --bind="$out:/out" bash /out/inside.sh >"$scratch/nspawn.log" 2>&1 </dev/null
    [ -s "$out/written" ] || not_ok 'podman runs in nspawn' "$(tail -n 20 "$scratch/nspawn.log")"
}

nothing_imported() { # OUT
    local written
    written=$(cat "$1/written")
    if [ "${written:-99999}" -lt 1024 ]; then ok "nothing imported ($written KiB written)"; else not_ok 'nothing imported' "$written KiB"; fi
}
