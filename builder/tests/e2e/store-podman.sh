#!/usr/bin/env bash
# podman of a Debian 13 tree, in systemd-nspawn, runs containers straight from a store that kiln made.
# level: check
#
# KILN_TEST_TREE names such a tree (podman, squashfs-tools); without it debootstrap makes one below the build directory,
# from the host's own mirror, and keeps it for the next run.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

skip_all() { skip 'podman runs from the store' "$1"; exit 0; }
[ "$(id -u)" = 0 ] || skip_all 'needs root'
for tool in systemd-nspawn mount; do
    command -v "$tool" >/dev/null || skip_all "needs $tool"
done

tree=${KILN_TEST_TREE:-$build/test-tree}
if [ ! -e "$tree/usr/bin/podman" ]; then
    command -v debootstrap >/dev/null || skip_all 'needs debootstrap, or KILN_TEST_TREE'
    # shellcheck disable=SC2016 # apt's own variables
    mirror=$(apt-get indextargets --format '$(SITE) $(ORIGIN) $(CODENAME)' 'Created-By: Packages' |
        awk '$2 == "Debian" && $3 !~ /-/ {print $1; exit}')
    [ -n "$mirror" ] || skip_all 'no Debian mirror in the apt configuration of this host'
    rm -rf "$tree.tmp"
    if ! debootstrap --variant=minbase --include=podman,crun,squashfs-tools,catatonit trixie "$tree.tmp" "$mirror" \
        >"$scratch/debootstrap.log" 2>&1; then
        rm -rf "$tree.tmp"
        skip_all "debootstrap failed: $(tail -n 1 "$scratch/debootstrap.log")"
    fi
    mv "$tree.tmp" "$tree"
fi

export KILN_TEST_TREE=$tree KILN_TEST_OUT=$scratch/store.sqfs
check 'squashfs from a pipe, and its failures' "$build/unit/squash_test"
check 'a store of a real tree' "$build/unit/store_real_test"
[ -s "$KILN_TEST_OUT" ] || exit 0

store=$scratch/store out=$scratch/out
mkdir "$store" "$out"
if mount -o loop,ro "$KILN_TEST_OUT" "$store" 2>"$scratch/mount.log"; then
    at_exit umount "$store"
else # no loop device here: the same files, unpacked
    mount --bind "$scratch" "$tree/mnt"
    chroot "$tree" unsquashfs -q -n -d /mnt/store -f /mnt/store.sqfs >/dev/null
    umount "$tree/mnt"
    mount --bind -o ro "$store" "$store"
    at_exit umount "$store"
fi

cat >"$out/inside.sh" <<'EOF'
mkdir -p /etc/containers
printf '[storage]\ndriver = "overlay"\nrunroot = "/run/containers/storage"\ngraphroot = "/var/lib/containers/storage"\n[storage.options]\nadditionalimagestores = ["/usr/lib/kiln/store/containers"]\n' >/etc/containers/storage.conf
printf '[containers]\npids_limit = 0\n' >/etc/containers/containers.conf
say() { # NAME COMMAND...: its output and status for the outside
    local name=$1
    shift
    "$@" >"/out/$name" 2>&1
    echo "status $?" >>"/out/$name"
}
run() { podman run --rm --network=none --pull=never "$@"; }
say images podman images --noheading --sort repository --format '{{.Repository}}:{{.Tag}} {{.ReadOnly}}'
say hello run localhost/kiln/test/add:kiln
digest=$(podman image inspect --format '{{.Digest}}' localhost/kiln/test/add:kiln)
say by-digest run "localhost/kiln/test/add@$digest"
say base run localhost/kiln/base:kiln 'echo $HELLO; test -e /etc/debian_version && echo there'
say awkward run --user 0 localhost/kiln/test/awkward:kiln 'ls /etc/debian_version /etc/never-there 2>&1 | wc -l; ls /etc/apt; stat -c "%a %u:%g %n" /etc/apt; stat -c "%a %u:%g %h %n" /etc/apt/only /usr/bin/suid /srv/one /srv/two /srv/user-attr; stat -c "%a %u:%g %n" /opt; readlink /srv/dangling; cat /srv/not*utf8 /srv/caf* /srv/a*/b*/c*/file'
say user run localhost/kiln/test/awkward:kiln 'id -un'
say userns run --uidmap 0:100000:65536 localhost/kiln/test/add:kiln
say check podman system check
for image in base test/awkward test/add; do
    say "save-${image##*/}" podman save -q -o /tmp/saved.tar "localhost/kiln/$image:kiln"
    rm -f /tmp/saved.tar
done
du -s /var/lib/containers | cut -f1 >/out/written
EOF

timeout 300 env SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn -q -D "$tree" --volatile=overlay --keep-unit --register=no \
    --as-pid2 --private-network --capability=all --system-call-filter='@mount @keyring bpf' --bind-ro="$store:/usr/lib/kiln/store" \
    --tmpfs=/var/lib/containers --bind="$out:/out" bash /out/inside.sh >"$scratch/nspawn.log" 2>&1 </dev/null
[ -s "$out/written" ] || not_ok 'podman runs in nspawn' "$(tail -n 20 "$scratch/nspawn.log")"

said() { same "$1" "$3" "$(cat "$out/$2" 2>&1)"; } # NAME FILE WANT
said 'podman lists the images as read-only' images 'localhost/kiln/base:kiln true
localhost/kiln/test/add:kiln true
localhost/kiln/test/awkward:kiln true
status 0'
said 'a container starts by tag, with its command, environment and directory' hello 'hello from add
status 0'
said 'a container starts by digest' by-digest 'hello from add
status 0'
said 'the base alone' base 'world
there
status 0'
said 'whiteouts, opaque directories, owners, modes, links and names' awkward "2
only
750 7:8 /etc/apt
640 1:2 1 /etc/apt/only
4755 0:0 1 /usr/bin/suid
644 5:6 2 /srv/one
644 5:6 2 /srv/two
600 65000:65000 1 /srv/user-attr
2775 1000:1001 /opt
../../nope
raw
utf
deep
status 0"
if command -v getcap >/dev/null; then
    same 'file capabilities' '/usr/bin/suid cap_net_bind_service=ep' \
        "$(getcap "$store"/containers/overlay/*/diff/usr/bin/suid | sed 's,.*/diff,,')"
fi
said "the image's user" user 'daemon
status 0'
said 'a user namespace of its own' userns 'hello from add
status 0'
for image in base awkward add; do
    said "podman save rebuilds the layers of $image" "save-$image" 'status 0'
done
said 'podman system check finds no fault' check 'status 0'
written=$(cat "$out/written")
if [ "${written:-99999}" -lt 1024 ]; then ok "nothing imported ($written KiB written)"; else not_ok 'nothing imported' "$written KiB"; fi
