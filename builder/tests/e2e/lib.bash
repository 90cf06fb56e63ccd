# shellcheck shell=bash
# Helpers of the test scripts: TAP, a scratch directory that goes away, running kiln and comparing what it says.
set -uo pipefail

# shellcheck disable=SC2034 # used by the scripts
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
# shellcheck disable=SC2034
build=$(realpath -m "${KILN_BUILD:-$repo/build}")
# shellcheck disable=SC2034
kiln=$build/kiln
scratch=$(mktemp -d "${TMPDIR:-/tmp}/kiln-test.XXXXXX")
tests=0 bad=0
cleanups=()

at_exit() { # COMMAND ARG...: run at the end, the last one first
    cleanups+=("$(printf '%q ' "$@")")
}
finish() {
    local i
    for ((i = ${#cleanups[@]} - 1; i >= 0; i--)); do eval "${cleanups[i]}" || true; done
    rm -rf "$scratch"
    echo "1..$tests"
    [ "$bad" -eq 0 ] || exit 1
}
trap finish EXIT

ok() { # NAME: it holds
    tests=$((tests + 1))
    echo "ok $tests - $1"
}
not_ok() { # NAME [TEXT]: it does not
    tests=$((tests + 1)) bad=$((bad + 1))
    echo "not ok $tests - $1"
    [ -z "${2:-}" ] || printf '%s\n' "$2" | sed 's/^/# /'
}
skip() { # NAME REASON
    tests=$((tests + 1))
    echo "ok $tests - $1 # SKIP $2"
}
# check NAME COMMAND ARG...: passes when the command does; what it printed is shown when it does not
check() {
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$said"; fi
}
# same NAME WANT GOT
same() {
    if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "want: $2"$'\n'"got:  $3"; fi
}
# refused NAME STATUS TEXT COMMAND ARG...: ends with that status and says exactly that on stderr
refused() {
    local name=$1 status=$2 text=$3 said got
    shift 3
    said=$("$@" 2>&1 >/dev/null)
    got=$?
    if [ "$got" = "$status" ] && [ "$said" = "$text" ]; then
        ok "$name"
    else
        not_ok "$name" "want status $status: $text"$'\n'"got status $got: $said"
    fi
}
# test_cache: a cache that all tests of a run share; from an empty one the first test fills it
test_cache() {
    mkdir -p "$build/test-cache"
    (cd "$build/test-cache" && pwd)
}
