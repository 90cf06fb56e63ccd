# shellcheck shell=bash
# What the drills share. They run on the machine, as root, in /run/drill.
set -uo pipefail
cd /run/drill || exit

now() { cut -d ' ' -f 1 /proc/uptime; }
until_true() { # SECONDS COMMAND...: again and again
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.5
    done
}
containers() { # PATTERN: those that run
    podman ps --format '{{.Names}}' | grep -E "$1" | sort
}
address() { podman inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"; }
cut_off() { # CONTAINER OTHER...: from the others, both ways, until cut_ends; from nobody else
    local one others
    one=$(address "$1")
    shift
    others=$(for n in "$@"; do address "$n"; done | paste -sd ,)
    nft -f - <<END
table bridge drill {
    chain forward {
        type filter hook forward priority -250
        ip saddr $one ip daddr { $others } counter drop
        ip daddr $one ip saddr { $others } counter drop
    }
}
END
}
cut_ends() { # fails when nothing had to be dropped
    local seen
    seen=$(nft list table bridge drill | grep -c 'packets [1-9]')
    nft delete table bridge drill && [ "$seen" = 2 ]
}
indented() { while IFS= read -r line; do echo "  $line"; done <<<"$1"; }
