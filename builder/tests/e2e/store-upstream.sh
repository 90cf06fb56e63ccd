#!/usr/bin/env bash
# Images that kiln did not make, in the store: compared with what umoci unpacks, and run by podman of Debian 13.
# level: check
#
# The images (upstream-images.py) consist of the files of some 30 Debian packages and of awkward members; one was changed
# and packed by umoci itself. KILN_TEST_TREE as for store-podman.sh.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/podman.bash
. "$(dirname "$0")/podman.bash"

podman_begin 'upstream images in the store' umoci jq zstd python3 setfattr useradd

images=$repo/builder/tests/e2e/upstream-images.py
layout=$scratch/layout list=$build/tools/tree
check 'images' python3 "$images" "$tree" "$layout"
umoci unpack --image "$layout:odd" "$scratch/odd" >"$scratch/umoci.log" 2>&1 || not_ok 'umoci unpacks' "$(cat "$scratch/umoci.log")"

# umoci makes a layer of its own: files gone, replaced by others, linked, marked.
umoci unpack --image "$layout:odd" "$scratch/made" >>"$scratch/umoci.log" 2>&1
made=$scratch/made/rootfs
rm -rf "${made:?}"/{etc/skel,usr/bin/ls,home,srv/one,bin}
mkdir -p "$made/etc/skel" "$made/bin"
echo again >"$made/etc/skel/again"
echo file >"$made/home"
cp -a "$made/usr/bin/dash" "$made/bin/sh"
ln "$made/srv/large" "$made/srv/larger"
chmod 3701 "$made/srv/sticky"
chown 4:5 "$made/srv/empty"
setfattr -n user.added -v value "$made/srv/note"
# Fractions of seconds would be rounded by umoci, cut off by squashfs.
find "$made" -newermt 2021-01-01 -exec touch -h -d @1610000000 {} +
check 'umoci packs a layer' umoci repack --image "$layout:made" "$scratch/made"
python3 "$images" wrap "$layout" made registry.example/made:1
chmod -R a+rX "$layout"

names=(registry.example/team/base:13 registry.example:5000/odd/app:1 registry.example/late:2 registry.example/stacked:2
    registry.example/made:1)
store=$(public "$build/tools/store")
make_store() { # OUT THREADS [COMMAND...]
    local out=$1 threads=$2
    shift 2
    "$@" mkdir -p "$out.index"
    "$@" "$store" "$layout" "$tree" "$out" "$threads" "$out.index" "${names[@]}" >"$out.json"
}
check 'a store of five images, one worker' make_store "$scratch/store.sqfs" 1
check 'the same with two' make_store "$scratch/two.sqfs" 2
[ -s "$scratch/store.sqfs" ] || exit 0
same 'the same bytes with one worker and with two' "$(sha256sum <"$scratch/store.sqfs")" "$(sha256sum <"$scratch/two.sqfs")"
same 'five layers in eleven places are kept once' 5 "$(jq '.layers | length' "$scratch/store.sqfs.json")"

user=kiln-store-$$
if useradd --system --no-create-home --home-dir "$scratch/user" --shell /bin/sh "$user"; then
    at_exit userdel "$user"
    grep -q "^$user:" /etc/subuid || usermod --add-subuids 1000000000-1000065535 --add-subgids 1000000000-1000065535 "$user"
    mkdir "$scratch/user"
    chown "$user:" "$scratch/user"
    chmod 755 "$scratch"
    mkdir "$scratch/tree"
    mount -o bind,ro "$tree" "$scratch/tree" && at_exit umount "$scratch/tree"
    tree=$scratch/tree
    check 'a store as an ordinary user' make_store "$scratch/user/store.sqfs" 2 \
        setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups env HOME="$scratch/user"
    same 'the same bytes for root and for a user' "$(sha256sum <"$scratch/store.sqfs")" "$(sha256sum <"$scratch/user/store.sqfs")"
else
    not_ok 'a user for the test'
fi

# What has been cut or damaged leaves no store. The layer of umoci stands for all: nothing of the others is kept either.
blob=$(find "$layout/blobs/sha256" -size +1M -printf '%s %p\n' | sort -n | sed -n '1s/.* //p')
cp "$blob" "$scratch/whole"
truncate -s -1 "$blob"
size=$(stat -c %s "$scratch/whole")
mkdir "$scratch/bad.index"
refused 'a blob that is too short' 1 \
    "store: layer sha256:${blob##*/}: the blob has $((size - 1)) bytes, but the manifest has $size" \
    "$build/tools/store" "$layout" "$tree" "$scratch/bad.sqfs" 1 "$scratch/bad.index" "${names[@]}"
cp "$scratch/whole" "$blob"
printf x | dd of="$blob" bs=1 seek=$((size / 2)) conv=notrunc status=none
refused 'a blob with a wrong byte' 1 "store: layer sha256:${blob##*/}: the blob is sha256:$(sha256sum "$blob" | cut -d' ' -f1)" \
    "$build/tools/store" "$layout" "$tree" "$scratch/bad.sqfs" 1 "$scratch/bad.index" "${names[@]}"
same 'neither left a store' '' "$(cd "$scratch" && ls -d bad.sqfs .squash-* "bad.index/${blob##*/}" 2>/dev/null)"

store=$scratch/store out=$scratch/out
mkdir "$out" "$scratch/view"
mount_store "$scratch/store.sqfs" "$store"

overlay_of() { # NAME: the directories of an image, topmost first
    local top lower
    top=$(jq -r --arg n "$1" '.[] | select(.names[] == $n) | .layer' "$store/containers/overlay-images/images.json")
    lower=$(sed "s,\(^\|:\)l/,:$store/containers/overlay/l/,g" "$store/containers/overlay/$top/lower")
    echo "$store/containers/overlay/$top/diff$lower"
}
listed() { # DIR: every path, type, mode, owner, time, content and attribute; links and devices
    "$list" list-root "$1" && python3 "$images" links "$1" && (cd "$1" && find . -type c -printf '%p ' -exec stat -c %t:%T {} ';' | sort)
}
as_unpacked() { # NAME DIR. By the old system call: the new one's strings end at 255 bytes, and mount of Debian 13 uses it
    LIBMOUNT_FORCE_MOUNT2=always mount -t overlay overlay -o "ro,lowerdir=$(overlay_of "$1")" "$scratch/view" || return
    listed "$scratch/view" >"$scratch/ours"
    umount "$scratch/view"
    listed "$2" >"$scratch/theirs"
    [ "$(wc -l <"$scratch/theirs")" -gt 600 ] && diff -a "$scratch/theirs" "$scratch/ours"
}
if mount -t overlay overlay -o "ro,lowerdir=$(overlay_of registry.example:5000/odd/app:1)" "$scratch/view" 2>/dev/null; then
    umount "$scratch/view"
    check 'the awkward image is as umoci unpacks it' as_unpacked registry.example:5000/odd/app:1 "$scratch/odd/rootfs"
    check "umoci's own layer is as umoci left it" as_unpacked registry.example/made:1 "$made"
else
    skip 'the store is as umoci unpacks it' 'no overlay mount here'
fi

digest() { # NAME KEY: of the manifest that lies under that key in the store
    jq -r --arg n "$1" --arg k "$2" '.[] | select(.names[] == $n) | if $k == "index" then .digest else ."big-data-digests".manifest end' \
        "$store/containers/overlay-images/images.json"
}
base=registry.example/team/base
{
    printf 'index=%s manifest=%s\n' "$(digest $base:13 index)" "$(digest $base:13 manifest)"
    printf 'images=(%s)\n' "${names[*]}"
    cat <<'EOF'
say images podman images --noheading --sort repository --format '{{.Repository}}:{{.Tag}} {{.ReadOnly}} {{.CreatedAt}}'
say tag run registry.example/team/base:13
say index run "registry.example/team/base@$index" 'echo by index'
say manifest run "registry.example/team/base@$manifest" 'echo by manifest'
say both run "registry.example/team/base:13@$index" 'echo by both'
say other run "registry.example/other@$index" true
say odd run --user 0 registry.example:5000/odd/app:1 'cat /etc/debian_version; stat -c "%a %u:%g %h %n" /etc/skel /srv /srv/one /srv/three /srv/suid /srv/note /srv/big-owner; ls -A /etc/skel; cat /srv/not*utf8 /srv/caf* /srv/a*/b*/c*/file; readlink /srv/link-to-link; stat -c %F /srv/fifo'
say user run registry.example:5000/odd/app:1 'id -un'
say late run registry.example/late:2 'cat late/first; stat -c "%u:%g %h %n" late/first; cat home/x media/new usr/implicit/parent/file; ls -A /media /opt/deep; ls -d /etc/never-there /var/.wh* 2>&1 | wc -l; stat -c "%a %u:%g" /usr/implicit'
say made run registry.example/made:1 'echo /etc/skel/* /srv/*er; test -e /usr/bin/ls || echo gone; cat /home'
say stacked run --user 0 registry.example/stacked:2 'cat late/last; cat /etc/skel/only'
say check podman system check
for image in "${images[@]}"; do
    name=${image##*/}
    say "save-${name%:*}" podman save -q -o /tmp/saved.tar "$image"
    rm -f /tmp/saved.tar
    say "push-${name%:*}" podman push -q "$image" "dir:/tmp/pushed"
    rm -rf /tmp/pushed
done
EOF
} | podman_inside "$store" "$out"

said() { same "$1" "$3" "$(cat "$out/$2" 2>&1)"; } # NAME FILE WANT
said 'podman lists the images as read-only, with their times' images 'registry.example/late:2 true 2026-01-02 03:04:05 +0000 UTC
registry.example/made:1 true 2026-01-02 03:04:05 +0000 UTC
registry.example/stacked:2 true 2026-01-02 03:04:05 +0000 UTC
registry.example/team/base:13 true 2026-01-02 03:04:05 +0000 UTC
registry.example:5000/odd/app:1 true 2026-01-02 03:04:05 +0000 UTC
status 0'
said 'a container starts by tag' tag 'from world
status 0'
said "by the index's digest" index 'by index
status 0'
said "by the manifest's digest" manifest 'by manifest
status 0'
said 'by tag and digest' both 'by both
status 0'
same 'not under another name' 'status 125' "$(tail -n 1 "$out/other")"
said 'whiteouts, marks, owners, modes, links and names' odd "cat: /etc/debian_version: No such file or directory
750 7:8 2 /etc/skel
2775 1000:1001 4 /srv
644 5:6 3 /srv/one
644 5:6 3 /srv/three
4755 0:0 1 /srv/suid
600 65000:65000 1 /srv/note
644 3000000:2000000 1 /srv/big-owner
only
raw
utf
deep
../../nope
fifo
status 0"
said "the image's user" user 'daemon
status 0'
said 'what is in an order of its own' late 'late
9:9 2 late/first
stays
m
i
/media:
new

/opt/deep:
2
755 0:0
status 0'
said "umoci's own layer" made '/etc/skel/again /srv/big-owner /srv/larger
gone
file
status 0'
said 'a layer on another parent' stacked 'late
new
status 0'
for image in base app late stacked made; do
    said "podman save rebuilds the layers of $image" "save-$image" 'status 0'
    said "podman push rebuilds the layers of $image" "push-$image" 'status 0'
done
said 'podman system check finds no fault' check 'status 0'
nothing_imported "$out"
