#!/usr/bin/env bash
# Single sign-on with a real browser: the edge profile with the programs that people really use, pulled under their
# upstream names through a mirror; booted natively, used by headless Chromium, restarted, used again.
# level: check
#
# The images are of qemu-test/fixtures: what cannot be had here is skipped with the reason. Pictures are in the report.
# KILN_TEST_SCENARIOS names others to play.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

# shellcheck disable=SC2154 # of lib.bash
registry=$repo/qemu-test/fixtures/registry reg=$scratch/registry
if [ "$(id -u)" -ne 0 ]; then
    skip 'edge in nspawn' 'needs root, to mount what was built'
    exit
fi
for tool in docker-registry skopeo openssl jq chromedriver chromium certutil; do
    command -v $tool >/dev/null || { skip 'edge in nspawn' "needs $tool: make deps"; exit; }
done
check 'the registry starts' "$registry" start "$reg" --parent $$
at_exit "$registry" stop "$reg"
[ -s "$reg/mirrors.yaml" ] || exit
while IFS=$'\t' read -r name state why _; do
    case $state in
    made) ok "$name is in the registry" ;;
    skipped) skip 'edge in nspawn' "$name: $why"; exit ;;
    *) not_ok "$name is in the registry" "$why"; exit ;;
    esac
done < <(nice -n 19 "$repo/qemu-test/fixtures/make" --push "$reg" traefik oauth2-proxy keycloak)

export REGISTRY_AUTH_FILE=$reg/auth.json KILN_DATA=$repo
unset http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY
mkdir "$scratch/profiles"
ln -s "$repo/qemu-test/overlays" "$scratch/overlays" # the services for tests
{
    echo 'profile: edge-test'
    echo "extends: $repo/qemu-test/profiles/edge-test.yaml"
    cat "$reg/mirrors.yaml"
} >"$scratch/profiles/edge-test.yaml"
profile_file() { echo "$scratch/profiles/edge-test.yaml"; } # instead of lib.bash's, for the functions there
read -ra played <<<"${KILN_TEST_SCENARIOS:-sso}"
scenarios edge-test nspawn "${played[@]/#/--scenario=}"
listens_as_planned edge-test nspawn
