#!/usr/bin/env bash
# Real programs as upstream images: laid out, started, pushed to a registry with TLS and a password, pulled by skopeo.
# level: full
#
# What is fetched and built stays in $KILN_FIXTURES (default ~/.cache/kiln-fixtures) for the next run.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

# shellcheck disable=SC2154 # of lib.bash
make=$repo/qemu-test/fixtures/make registry=$repo/qemu-test/fixtures/registry
reg=$scratch/registry
for tool in docker-registry skopeo umoci jq openssl; do
    command -v $tool >/dev/null || { skip 'fixtures' "needs $tool: apt-get install $tool"; exit 0; }
done

# What says why it cannot be done.
refused 'an unknown fixture' 2 'make: no fixture nosuch; --list names them' "$make" nosuch
mkdir "$scratch/bin"
for tool in bash sh cat cut dirname env flock grep id mkdir printf realpath rm sed sha256sum sort; do
    ln -s "$(command -v $tool)" "$scratch/bin/$tool"
done
same 'without its tool a fixture is skipped, with the reason' $'traefik\tskipped\tneeds pip3: apt-get install python3-pip\nstatus 3' \
    "$(KILN_FIXTURES=$scratch/none PATH=$scratch/bin "$make" traefik; echo "status $?")"

# What cannot be made is taken from who has it, as it is.
given=$scratch/given
export KILN_FIXTURES_GIVEN=$given
make_given() { KILN_FIXTURES=$scratch/none "$make" harbor-core; echo "status $?"; }
same 'an image that cannot be made is skipped, and where it would be taken from is said' \
    $'harbor-core\tskipped\tcannot be had: its Go module (github.com/goharbor/harbor/src) is refused by the module proxy'$'\nstatus 3' "$(make_given | sed 's/; .*//')"
mkdir -p "$given" "$scratch/root/harbor"
tagged() { # TAG: a layout as somebody would have put it there; prints its digest
    rm -rf "$given/harbor-core"
    SOURCE_DATE_EPOCH=0 python3 "$repo/qemu-test/fixtures/layout.py" "$given/harbor-core" "$1" '{}' "$scratch/root"
}
digest=$(tagged v2.15.2)
same 'given as an OCI layout it is taken as it is' $'harbor-core\tgiven\tdocker.io/goharbor/harbor-core:v2.15.2\t'"$digest"$'\nstatus 0' "$(make_given)"
tagged v2.15.1 >/dev/null
same 'another version is not' $'harbor-core\tfailed\t'"no image has the tag v2.15.2 in $given/harbor-core"$'\nstatus 1' "$(make_given)"

check 'the registry starts' "$registry" start "$reg" --parent $$
at_exit "$registry" stop "$reg"
address=$(cat "$reg/address") || exit

names=(traefik valkey haproxy oauth2-proxy)
nice -n 19 "$make" --push "$reg" --run "${names[@]}" >"$scratch/made"
sed 's/^/# /' "$scratch/made"
field() { awk -F '\t' -v n="$1" -v f="$2" '$1 == n {print $f}' "$scratch/made"; }
insp() { skopeo inspect --cert-dir "$reg/certs" "$@"; }

for n in "${names[@]}"; do
    image=$(field "$n" 3) digest=$(field "$n" 4)
    case $(field "$n" 2) in
    made) ok "$n is made, starts and serves" ;;
    skipped) skip "$n" "$image"; continue ;;
    *) not_ok "$n is made, starts and serves" "$(cat "$scratch/made")"; continue ;;
    esac
    at=docker://$address/$image
    same "$n: the registry has the index as it was made" "$digest" \
        "sha256:$(insp --authfile "$reg/auth.json" --raw "$at" | sha256sum | cut -d' ' -f1)"
    check "$n: pulled with the password" skopeo copy --quiet --all --authfile "$reg/auth.json" --src-cert-dir "$reg/certs" "$at" "oci:$scratch/$n:x"
    check "$n: unpacked" umoci --log=error unpack --image "$scratch/$n:x" "$scratch/$n.bundle"
    insp --authfile "$reg/auth.json" --config "$at" >"$scratch/$n.json"
done

# kiln has them under their upstream names, the layer that two share once.
pull() { # REFERENCE: what is fetched, as JSON
    REGISTRY_AUTH_FILE=$reg/auth.json "$kiln" image pull "$1" --json --cache "$scratch/kiln" --registry-ca "$reg/ca.pem" \
        --mirror "docker.io=$address/docker.io" --mirror "quay.io=$address/quay.io"
}
for n in "${names[@]}"; do
    [ -d "$scratch/$n.bundle" ] || continue
    pull "$(field "$n" 3)" >"$scratch/$n.pulled" 2>"$scratch/$n.said" || cat "$scratch/$n.said"
    same "$n: kiln pulls it through mirrors" "$(field "$n" 4) $(field "$n" 3)" "$(jq -r '.[] | .index.digest + " " + .name' "$scratch/$n.pulled")"
done
if [ -s "$scratch/valkey.pulled" ] && [ -s "$scratch/haproxy.pulled" ]; then
    same 'of the second image on one base kiln fetches one layer' "$(jq '.[0].layers[1].size' "$scratch/haproxy.pulled")" \
        "$(jq '.[0].fetched' "$scratch/haproxy.pulled")"
fi
if [ "$(field traefik 2)" = made ]; then
    at=$address/$(field traefik 3) path=docker.io/library/traefik
    echo '{}' >"$scratch/no-auth.json"
    refused 'kiln has no password' 4 \
        "kiln: error: image $at: https://$address/v2/$path/manifests/${at##*:}: $address wants a user name and a password for $path"$'\n'"kiln: hint: \"podman login $address\" puts them where kiln finds them" \
        env REGISTRY_AUTH_FILE="$scratch/no-auth.json" "$kiln" image show "$at" --cache "$scratch/kiln-none" --registry-ca "$reg/ca.pem"
fi

# The same input, the same image.
kept=$(realpath "${KILN_FIXTURES:-${XDG_CACHE_HOME:-$HOME/.cache}/kiln-fixtures}")
n=traefik
if [ "$(field $n 2)" = made ]; then
    at=docker://$address/$(field $n 3)
    no_password=$(insp --no-creds --raw "$at" 2>&1)
    same 'no password, no image' 1 "$(grep -c 'authentication required' <<<"$no_password")"
    wrong_password=$(insp --creds fixture:wrong --raw "$at" 2>&1)
    same 'a wrong password, no image' 1 "$(grep -ciE 'unauthorized|authentication required|invalid username/password' <<<"$wrong_password")"
    no_ca=$(skopeo inspect --authfile "$reg/auth.json" --raw "$at" 2>&1)
    same 'without its CA it is not trusted' 1 "$(grep -c 'x509: certificate signed by unknown authority' <<<"$no_ca")"
    mkdir "$scratch/again"
    ln -s "$kept/fetched" "$scratch/again/fetched"
    same 'laid out again it has the same digest' "$(field $n 4)" "$("$make" --cache "$scratch/again" $n | cut -f 4)"
    rm -rf "$scratch/again"
fi

# So has what an ordinary user lays out, in a user namespace.
n=oauth2-proxy user=kiln-test-$$
if [ "$(field $n 2)" != made ] || [ "$(id -u)" != 0 ]; then
    skip 'an ordinary user lays out the same image' 'needs root, to make a user, and oauth2-proxy'
elif useradd --system --no-create-home --home-dir "$scratch/user" --shell /bin/sh "$user"; then
    at_exit userdel "$user"
    grep -q "^$user:" /etc/subuid || usermod --add-subuids 1000000000-1000065535 --add-subgids 1000000000-1000065535 "$user"
    mkdir -p "$scratch/user/cache/fetched"
    cp -r "$kept"/fetched/$n-* "$scratch/user/cache/fetched"
    cp -r "$repo/qemu-test/fixtures" "$scratch/user/fixtures"
    chown -R "$user:" "$scratch/user"
    chmod 755 "$scratch"
    same 'an ordinary user lays out the same image' "$(field $n 4)" \
        "$(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups env -C / HOME="$scratch/user" PATH=/usr/sbin:/usr/bin:/sbin:/bin \
            "$scratch/user/fixtures/make" --cache "$scratch/user/cache" $n 2>&1 | cut -f 4)"
else
    not_ok 'a user for the test'
fi

config() { [ ! -e "$scratch/$1.json" ] || same "$1: $2" "$4" "$(jq -c "$3" "$scratch/$1.json")"; }
config traefik 'runs as root by its entry point' '[.config.User, .config.Entrypoint, .config.Cmd]' '[null,["/entrypoint.sh"],["traefik"]]'
config valkey 'entry point, port and volume' '[.config.Entrypoint, .config.ExposedPorts, .config.Volumes]' \
    '[["docker-entrypoint.sh"],{"6379/tcp":{}},{"/data":{}}]'
config valkey 'two layers' '.rootfs.diff_ids | length' 2
config oauth2-proxy 'user and entry point' '[.config.User, .config.Entrypoint]' '["65532",["/bin/oauth2-proxy"]]'
# programs IMAGE NAME...: those of them that it has
programs() {
    local root=$scratch/$1.bundle/rootfs p
    shift
    for p in "$@"; do
        find "$root" -path "*bin/$p" -printf '%P\n'
    done | sort | tr '\n' ' '
}
if [ -d "$scratch/oauth2-proxy.bundle" ]; then
    same 'oauth2-proxy: no shell, no client' '' "$(programs oauth2-proxy sh bash dash ash busybox curl wget perl python3)"
    same 'oauth2-proxy: one program' 'bin/oauth2-proxy ' "$(cd "$scratch/oauth2-proxy.bundle/rootfs" && find . -type f -perm -100 -printf '%P ')"
fi
[ ! -d "$scratch/traefik.bundle" ] || same 'traefik: busybox, no curl' 'bin/busybox bin/sh bin/wget ' "$(programs traefik sh bash busybox curl wget)"
[ ! -d "$scratch/valkey.bundle" ] || same 'valkey: a shell, no client' 'usr/bin/bash usr/bin/dash usr/bin/sh ' "$(programs valkey sh bash dash curl wget)"

# It ends with who asked for it.
sleep 2 &
"$registry" start "$scratch/short" --parent $! >"$scratch/address" 2>&1
wait $!
pid=$(cat "$scratch/short/pid")
for ((i = 0; i < 50; i++)); do
    [ -e "/proc/$pid" ] || break
    sleep 0.1
done
IFS=: read -r host port <"$scratch/address"
if [ ! -e "/proc/$pid" ] && ! (: >"/dev/tcp/$host/$port") 2>/dev/null; then ok 'the registry ends with its parent'; else not_ok 'the registry ends with its parent' "$(cat "$scratch/short/log")"; fi
