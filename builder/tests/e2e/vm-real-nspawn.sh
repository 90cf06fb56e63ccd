#!/usr/bin/env bash
# The programs that people really use, in images as upstream makes them, pulled under their upstream names through the
# mirror of a profile from a registry with TLS and a password; built, booted natively, used.
# level: full
#
# The images are of qemu-test/fixtures: what cannot be had here is skipped with the reason.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

# shellcheck disable=SC2154 # of lib.bash
registry=$repo/qemu-test/fixtures/registry reg=$scratch/registry
if [ "$(id -u)" -ne 0 ]; then
    skip 'real in nspawn' 'needs root, to mount what was built'
    exit
fi
for tool in docker-registry skopeo openssl jq; do
    command -v $tool >/dev/null || { skip 'real in nspawn' "needs $tool: apt-get install $tool"; exit; }
done
check 'the registry starts' "$registry" start "$reg" --parent $$
at_exit "$registry" stop "$reg"
[ -s "$reg/mirrors.yaml" ] || exit
names=(traefik valkey haproxy etcd)
nice -n 19 "$repo/qemu-test/fixtures/make" --push "$reg" "${names[@]}" >"$scratch/made"
while IFS=$'\t' read -r name state reason _; do
    case $state in
    made) ok "$name is in the registry" ;;
    skipped) skip 'real in nspawn' "$name: $reason"; exit ;;
    *) not_ok "$name is in the registry" "$reason"; exit ;;
    esac
done <"$scratch/made"

# The profile as it is shipped, told where to pull from; the lock is made beside it.
export REGISTRY_AUTH_FILE=$reg/auth.json KILN_DATA=$repo
unset http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY
mkdir "$scratch/profiles"
ln -s "$repo/qemu-test/overlays" "$scratch/overlays" # the services for tests
{
    echo 'profile: real'
    echo "extends: $repo/qemu-test/profiles/real.yaml"
    cat "$reg/mirrors.yaml"
} >"$scratch/profiles/real.yaml"
profile_file() { echo "$scratch/profiles/real.yaml"; } # instead of lib.bash's, for the functions there
scenarios real nspawn --scenario front-door --scenario functions --scenario isolation --scenario first-boot --scenario reboot
listens_as_planned real nspawn
same 'the lock pins the indexes as they were pushed' "$(awk -F '\t' '{print $3 " " $4}' "$scratch/made" | sort)" \
    "$(jq -r '.images | to_entries[] | .key + " " + .value.index.digest' "$scratch/profiles/real.lock" | sort)"
