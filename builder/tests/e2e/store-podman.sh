#!/usr/bin/env bash
# podman of a Debian 13 tree, in systemd-nspawn, runs containers straight from a store that kiln made.
# level: check
#
# KILN_TEST_TREE names such a tree (podman, squashfs-tools); without it debootstrap makes one below the build directory,
# from the host's own mirror, and keeps it for the next run.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

# shellcheck source=builder/tests/e2e/podman.bash
. "$(dirname "$0")/podman.bash"

podman_begin 'podman runs from the store'

export KILN_TEST_TREE=$tree KILN_TEST_OUT=$scratch/store.sqfs
check 'squashfs from a pipe, and its failures' "$build/unit/squash_test"
check 'a store of a real tree' "$build/unit/store_real_test"
[ -s "$KILN_TEST_OUT" ] || exit 0

store=$scratch/store out=$scratch/out
mkdir "$out"
mount_store "$KILN_TEST_OUT" "$store"
podman_inside "$store" "$out" <<'EOF'
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
EOF

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
nothing_imported "$out"
