#!/usr/bin/env bash
# level: full
# Trees composed by kiln against apt-get install of the same packages into a chroot (by mmdebstrap), file by file: an OS
# with systemd, podman and a kernel, and container layers. Every difference that is allowed is named here, with its reason.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.bash"
source "$(dirname "$0")/packages.bash"
tree=$build/tools/tree
epoch=$(($(date +%s) - 60))
export SOURCE_DATE_EPOCH=$epoch # apt's side as well: Python's byte code depends on it

if [ "$(id -u)" -ne 0 ]; then
    skip "trees against apt-get install" "needs root"
    exit
fi
apt_begin || exit 1
mapfile -t base < <(essential)
base+=(ca-certificates tzdata netbase)
declare -A sets=(
    [os]="systemd systemd-sysv systemd-resolved systemd-timesyncd systemd-repart udev dbus podman crun netavark aardvark-dns
        linux-image-cloud-amd64 openssh-server nftables iproute2 kmod jq less procps"
    [postgres]="postgresql-17 patroni"
    [nginx]="nginx"
    [mail]="postfix dovecot-imapd"
    [data]="valkey-server etcd-server haproxy prometheus docker-registry"
)

# Paths that are left out of the comparison.
excluded=(
    # apt's own state, which is not the tree's; mmdebstrap's settings for its chroot
    '/etc/apt/.*' '/var/lib/apt(/.*)?' '/var/cache/apt(/.*)?' '/var/log/apt(/.*)?' '/etc/(fstab|hostname|resolv\.conf)' '/var/lib/dpkg/arch'
    '/etc/\.resolv\.conf\.systemd-resolved\.bak'
    # backups, locks and old versions that kiln takes out
    '/etc/(passwd|group|shadow|gshadow|subuid|subgid)-' '/etc/\.pwd\.lock' '/var/(lib|cache)/.*-old' '/var/lib/ucf/.*\.[0-9]'
    '/var/lib/dpkg/(lock|lock-frontend|triggers/Lock|available)'
    # what identifies a machine: made at its first boot
    '/etc/ssh/ssh_host_.*' '/etc/machine-id' '/var/lib/dbus/machine-id' '/etc/ssl/(private|certs)/ssl-cert-snakeoil.*'
    '/etc/dovecot/private/dovecot\.(key|pem)'
    # holds the host name that the chroot happens to have
    '/etc/postfix/main\.cf' '/etc/mailname'
    # its file identifier is random: a service that wants it runs newaliases
    '/etc/aliases\.db'
    # of a running system (mmdebstrap empties /run, too); logs
    '/run/.*' '/var/log/(dpkg|alternatives|bootstrap)\.log'
    # kiln makes its own initrd
    '/boot/initrd\.img-.*'
    # byte code that a script leaves or not, by the order in which packages are configured
    '/usr/share/python3/debpython/__pycache__/.*'
    # the database cluster made at installation: random identifiers, and TLS only where the host certificate was made
    '/var/lib/postgresql/17/main/.*' '/etc/postgresql/17/main/postgresql\.conf'
    # compared by their sorted lines below: the order in which packages were configured shows in them
    '/etc/(passwd|group|shadow|gshadow)' '/var/lib/dpkg/triggers/File' '/var/cache/debconf/config\.dat'
)
filter() { # a listing without what is left out, without times of directories and of dpkg's lists (of the moment)
    grep -vP "^($(IFS='|' && echo "${excluded[*]}"))\t" |
        awk -F'\t' -v OFS='\t' -v e="$epoch" '$2 ~ /^4/ || $4 >= e || $1 ~ /dpkg\/info\/.*\.list$/ {$4 = "-"} $5 ~ /ssl-cert-snakeoil.pem$/ {next} {print}'
}
compare() { # NAME TREE...: with apt's $scratch/apt-NAME
    local name=$1
    shift
    "$tree" list "$@" | filter >"$scratch/kiln-$name.txt"
    "$tree" list-root "$scratch/apt-$name" | grep -vP '^/(dev|proc|sys)/' | filter >"$scratch/apt-$name.txt"
    check "$name: the same files as apt-get install" diff "$scratch/kiln-$name.txt" "$scratch/apt-$name.txt"
    check "$name: it has files" test "$(wc -l <"$scratch/kiln-$name.txt")" -gt 3000
    local file
    for file in etc/passwd etc/group etc/shadow etc/gshadow var/lib/dpkg/triggers/File; do
        lines "$file" "$@" >"$scratch/kiln-lines"
        normal "$scratch/apt-$name/$file" >"$scratch/apt-lines"
        check "$name: /$file has the same lines" diff "$scratch/kiln-lines" "$scratch/apt-lines"
    done
}
normal() { # FILE: numbers are given out in the order of configuration
    [ ! -e "$1" ] || sed -E 's/:[0-9]+(:[0-9]*)?:/:N:/' "$1" | sort
}
lines() { # FILE TREE...: of the merged tree
    local file=$1 t
    shift
    for t; do
        for layer in upper lower; do
            if [ -e "$t/$layer/$file" ]; then
                normal "$t/$layer/$file"
                return
            fi
        done
    done
}

reference() { # NAME PACKAGE...
    local name=$1
    shift
    mmdebstrap --quiet --mode=root --variant=essential --include="$(IFS=, && echo "$*")" --aptopt='APT::Install-Recommends "false"' \
        "$suite" "$scratch/apt-$name" "deb $site $suite main"
}

check "packages for the base" package_list "$scratch/base.list" "${base[@]}"
check "base composed" "$tree" compose "$scratch/cache" "$scratch/base" "$epoch" yes "$scratch/base.list"
check "base by apt" reference base "${base[@]}"
compare base "$scratch/base"
# KILN_TEST_SETS="mail os" picks some.
read -ra chosen <<<"${KILN_TEST_SETS:-${!sets[*]}}"
for name in "${chosen[@]}"; do
    read -ra packages <<<"${sets[$name]//$'\n'/ }"
    check "packages for $name" package_list "$scratch/$name.all" "${base[@]}" "${packages[@]}"
    grep -vxFf "$scratch/base.list" "$scratch/$name.all" >"$scratch/$name.list"
    check "$name composed" "$tree" compose "$scratch/cache" "$scratch/$name" "$epoch" yes "$scratch/$name.list" "$scratch/base"
    check "$name by apt" reference "$name" "${base[@]}" "${packages[@]}"
    compare "$name" "$scratch/$name" "$scratch/base"
    rm -rf "$scratch/apt-$name" "${scratch:?}/$name"
done
