# shellcheck shell=bash disable=SC2154 # scratch and repo are lib.bash's
# Test profiles with upstream's images: pulled by their upstream names, through the mirror of a profile, from a registry
# with TLS and a password that has what qemu-test/fixtures could make.

# with_fixtures TITLE NAME...: starts the registry and fills it. Where that cannot be, TITLE is skipped with the reason
# and the script ends. made: the lines of qemu-test/fixtures/make.
with_fixtures() {
    local title=$1 tool name state what
    shift
    registry=$repo/qemu-test/fixtures/registry reg=$scratch/registry
    if [ "$(id -u)" -ne 0 ]; then
        skip "$title" 'needs root, to mount what was built'
        exit
    fi
    for tool in docker-registry skopeo openssl jq; do
        command -v $tool >/dev/null || { skip "$title" "needs $tool: apt-get install $tool"; exit; }
    done
    check 'the registry starts' "$registry" start "$reg" --parent $$
    at_exit "$registry" stop "$reg"
    [ -s "$reg/mirrors.yaml" ] || exit
    made=$(nice -n 19 "$repo/qemu-test/fixtures/make" --push "$reg" "$@")
    while IFS=$'\t' read -r name state what; do
        case $state in
        made) ok "$name is in the registry" ;;
        given) ok "$name is in the registry, an image that was given" ;;
        skipped) skip "$title" "$name: $what"; exit ;;
        *) not_ok "$name is in the registry" "$what"; exit ;;
        esac
    done <<<"$made"
    export REGISTRY_AUTH_FILE=$reg/auth.json KILN_DATA=$repo
    unset http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY
    mkdir "$scratch/profiles"
    ln -s "$repo/qemu-test/overlays" "$scratch/overlays" # the services for tests
}
# with_browser TITLE: what the visits of qemu-test/browse need is here; else TITLE is skipped and the script ends
with_browser() {
    local tool
    for tool in chromedriver chromium certutil; do
        command -v $tool >/dev/null || { skip "$1" "needs $tool: make deps"; exit; }
    done
}
# with_models TITLE: the files that models of profiles name, and copies of the profiles beside them, for mirrored: in
# $scratch/shipped; where the one that makes sense cannot be had, TITLE is skipped and the script ends
with_models() {
    local why
    if ! why=$("$repo/qemu-test/fixtures/gemma-model" "$scratch/models"); then
        skip "$1" "Gemma: $why"
        exit
    fi
    "$repo/qemu-test/fixtures/tiny-model.py" "$scratch/models/tiny.gguf"
    mkdir "$scratch/shipped"
    cp "$repo"/qemu-test/profiles/*.yaml "$scratch/shipped/"
}
# mirrored NAME [DIR]: the profile as it is shipped (or as it lies in DIR), told where to pull from; its lock is made beside it
mirrored() {
    {
        echo "profile: $1"
        echo "extends: ${2:-$repo/qemu-test/profiles}/$1.yaml"
        cat "$reg/mirrors.yaml"
    } >"$scratch/profiles/$1.yaml"
}
profile_file() { echo "$scratch/profiles/$1.yaml"; } # instead of lib.bash's, for the functions there
# pinned NAME: the lock has the indexes that were pushed
pinned() {
    same "the lock of $1 pins the indexes as they were pushed" "$(awk -F '\t' '{print $3 " " $4}' <<<"$made" | sort)" \
        "$(jq -r '.images | to_entries[] | .value.source + " " + .value.index.digest' "$scratch/profiles/$1.lock" | sort)"
}
