#!/usr/bin/env bash
# The OS root of the tiny profile, looked at from inside by its own programs: units, quadlets, sshd, the repair of
# container storage after a change of the image store, and that it holds nothing secret.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

# shellcheck source=builder/tests/e2e/osroot.bash
. "$(dirname "$0")/osroot.bash"
# shellcheck disable=SC2154 # root, store and out are its
os_root 'the OS root from inside'

# shellcheck disable=SC2016 # expanded inside
check 'podman makes a unit of every quadlet' inside "$store" '
    /usr/lib/systemd/system-generators/podman-system-generator -dryrun >/mnt/units 2>/mnt/generator.log
    for q in /usr/share/containers/systemd/*.container; do
        name=${q##*/}
        grep -qx -- "---${name%.container}.service---" /mnt/units
    done
    ! grep -E "network-online|Requires=|BindsTo=" /mnt/units'
# shellcheck disable=SC2016 # expanded inside
check 'systemd finds no fault in the units' inside "$store" '
    cd /usr/lib/systemd/system
    systemd-analyze verify --generators=yes --man=no --recursive-errors=no multi-user.target boot-complete.target \
        kiln-*.service kiln-*.target kiln-*.timer kiln-provision@tiny.service tiny.service ssh.service >/mnt/verify.log 2>&1'
check 'sshd takes its configuration: keys only' inside "$store" '
    mkdir -p /run/sshd
    ssh-keygen -q -t ed25519 -N "" -f /tmp/key
    sshd -T -h /tmp/key >/mnt/sshd
    grep -qx "passwordauthentication no" /mnt/sshd
    grep -qx "kbdinteractiveauthentication no" /mnt/sshd
    grep -qx "hostkey /tmp/key" /mnt/sshd'
# shellcheck disable=SC2016
check 'no password, no key, no machine id' inside "$store" '
    [ ! -s /etc/machine-id ]
    ! ls /etc/ssh/ssh_host_* 2>/dev/null
    while IFS=: read -r name password _; do
        case $password in "*" | "!" | "!*") ;; *) echo "$name has a password"; exit 1 ;; esac
    done </etc/shadow
    ! grep -rlE "BEGIN [A-Z ]*PRIVATE KEY" /etc /usr/lib/kiln/*.json /usr/lib/kiln/files /usr/local /root 2>/dev/null'

# shellcheck disable=SC2016
check 'podman takes the network for its own' inside "$store" '
    mkdir -p /run/kiln/networks
    KILN_SUBNET=10.9.8.0/24 KILN_GATEWAY=10.9.8.1 /usr/lib/kiln/bridge
    KILN_SUBNET=10.9.8.0/24 KILN_GATEWAY=10.9.8.1 /usr/lib/kiln/bridge
    podman network inspect kiln >/mnt/made
    rm /run/kiln/networks/kiln.json
    podman network create --driver=bridge --interface-name=kiln0 --subnet=10.9.8.0/24 --gateway=10.9.8.1 kiln
    podman network inspect kiln >/mnt/wanted
    differ=$(diff <(grep -vE "\"(id|created)\":" /mnt/made) <(grep -vE "\"(id|created)\":" /mnt/wanted)) || { echo "$differ"; exit 1; }'

# decides NAME WANT BOOTED ENTRY...: what the fallback says when BOOTED did not become healthy and there are these entries
decides() {
    local name=$1 want=$2 booted=$3
    shift 3
    rm -rf "$out/Linux"
    mkdir "$out/Linux"
    (cd "$out/Linux" && touch "$booted" "$@")
    { printf '\6\0\0\0' && printf '%s\0' "\\EFI\\Linux\\$booted" | iconv -t UTF-16LE; } >"$out/variable"
    same "$name" "$want" "$(bash "$repo/overlays/base/os/fallback" --dry-run "$out/variable" "$out/Linux")"
}
stays='<3>not healthy in time, and there is no other slot: staying up'
decides 'alone: stays up' "$stays" 'kiln_2+2-1.efi'
decides 'another healthy slot: restarts' '<3>not healthy in time: restarting, so that kiln_1 may be chosen' 'kiln_2+2-1.efi' kiln_1.efi
decides 'another slot with tries left: restarts' '<3>not healthy in time: restarting, so that kiln_3+1-2 may be chosen' \
    'kiln_2+0-3.efi' 'kiln_3+1-2.efi'
decides 'another slot that failed as well: stays up' "$stays" 'kiln_2+1-2.efi' 'kiln_1+0-3.efi'

# A container that a power cut left behind, a record in the writable storage, a volume; then another store.
# shellcheck disable=SC2016
check 'records of an old store are made' inside "$store" '
    systemd-tmpfiles --create >/dev/null 2>&1 || true
    /usr/lib/kiln/store-repair
    id=$(cat /var/lib/kiln/store-id)
    /usr/lib/kiln/store-repair
    [ "$(cat /var/lib/kiln/store-id)" = "$id" ]
    image=$(podman images --format "{{.Repository}}:{{.Tag}}" | head -n 1)
    podman volume create keep >/dev/null
    podman create --name left --network none --volume keep:/keep "$image" true >/dev/null
    podman tag "$image" localhost/mine:1
    [ -n "$(podman ps -aq)" ]'
mkdir -p "$scratch/other/containers"/{overlay,overlay-images,overlay-layers}
for part in images layers; do
    echo '[]' >"$scratch/other/containers/overlay-$part/$part.json"
    : >"$scratch/other/containers/overlay-$part/$part.lock"
done
# shellcheck disable=SC2016
check 'after a change of store they are gone, volumes are not' inside "$scratch/other" '
    mkdir -p /run/kiln
    /usr/lib/kiln/store-repair
    [ -z "$(podman ps -aq)" ]
    [ -z "$(podman images -q)" ]
    [ "$(podman volume ls -q)" = keep ]
    podman system check --quick'

check 'the unit test of the wiring, with this podman' \
    env KILN_QUADLET="$root/usr/libexec/podman/quadlet" "$build/unit/wire_test"
