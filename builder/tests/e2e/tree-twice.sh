#!/usr/bin/env bash
# level: check
# A small real tree (Debian's essential packages and a layer on them), composed as root twice and as an ordinary user:
# every file, owner, mode, time and capability is the same. Root only: it makes a user for the test.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.bash"
source "$(dirname "$0")/packages.bash"
tree=$(public "$build/tools/tree")
epoch=$(($(date +%s) - 60))

if [ "$(id -u)" -ne 0 ]; then
    skip "trees as root and as an ordinary user" "needs root"
    exit
fi
apt_begin || exit 1
mapfile -t base < <(essential)
# With what differs most: capabilities (arping), users (dbus), alternatives, triggers, a diversion (postgresql-common).
layer=(libcap2-bin iputils-arping dbus-daemon dbus postgresql-common nano)
check "packages for the base" package_list "$scratch/base.list" "${base[@]}"
check "packages for the layer" package_list "$scratch/all.list" "${base[@]}" "${layer[@]}"
grep -vxFf "$scratch/base.list" "$scratch/all.list" >"$scratch/layer.list"

compose() { # DIR COMMAND...: base and layer in DIR, listed to DIR.txt
    local dir=$1
    shift
    "$@" "$tree" compose "$dir/cache" "$dir/base" "$epoch" yes "$scratch/base.list" &&
        "$@" "$tree" compose "$dir/cache" "$dir/layer" "$epoch" yes "$scratch/layer.list" "$dir/base" &&
        "$@" "$tree" list "$dir/layer" "$dir/base" >"$dir.txt"
}
mkdir "$scratch/root1" "$scratch/root2" "$scratch/user"
chmod 755 "$scratch" # the user reads the packages
check "composed as root" compose "$scratch/root1"
check "composed again" compose "$scratch/root2"

user=kiln-test-$$
if useradd --system --no-create-home --home-dir "$scratch/user" --shell /bin/sh "$user"; then
    at_exit userdel "$user"
    grep -q "^$user:" /etc/subuid ||
        usermod --add-subuids 1000000000-1000065535 --add-subgids 1000000000-1000065535 "$user"
    chown "$user:" "$scratch/user"
    as_user=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups env HOME="$scratch/user")
    check "composed as an ordinary user" compose "$scratch/user" "${as_user[@]}"
    check "the same tree as root and as an ordinary user" diff "$scratch/root1.txt" "$scratch/user.txt"
    check "nothing is left of the work" test -z "$(ls "$scratch/user/cache/tmp")"
else
    not_ok "a user for the test"
fi
check "the same tree twice" diff "$scratch/root1.txt" "$scratch/root2.txt"
check "it has files" test "$(wc -l <"$scratch/root1.txt")" -gt 4000
check "a capability survived" grep -qP '^/usr/bin/arping\t.*security.capability=' "$scratch/root1.txt"
check "the diversion of postgresql-common" grep -qP '^/usr/bin/pg_config\t100755\troot:root\t' "$scratch/root1.txt"
# shellcheck disable=SC2016 # awk's
check "no time stamp is later than the epoch" awk -F'\t' -v e="$epoch" '$4 > e {print; bad = 1} END {exit bad}' "$scratch/root1.txt"
check "scripts left nothing of theirs" bash -c "! grep -P '^/(kiln|tmp/.|usr/sbin/policy-rc.d|run/.*\\t1[0-3])' '$scratch/root1.txt'"
