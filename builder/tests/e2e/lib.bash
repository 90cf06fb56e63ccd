# shellcheck shell=bash
# Helpers of the test scripts: TAP, a scratch directory that goes away, running kiln and comparing what it says.
set -uo pipefail

# shellcheck disable=SC2034 # used by the scripts
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
# shellcheck disable=SC2034
build=$(realpath -m "${KILN_BUILD:-$repo/build}")
# shellcheck disable=SC2034
kiln=$build/kiln
# Of this script alone: two that play the same profile may run at a time.
reports=$build/reports/$(basename "$0" .sh)
# Images and caches are too large for a /tmp in memory, as Debian 13 has it.
scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/kiln-test.XXXXXX")
scratch_note=${KILN_TEST_SCRATCH:+$KILN_TEST_SCRATCH/$$}
[ -z "$scratch_note" ] || echo "$scratch" >"$scratch_note" # for who stops this at once
tests=0 bad=0
cleanups=()

at_exit() { # COMMAND ARG...: run at the end, the last one first
    cleanups+=("$(printf '%q ' "$@")")
}
# remove_all PATH...: trees too, whose owners are sub-ids when an ordinary user made them
remove_all() {
    if [ "$(id -u)" -eq 0 ]; then rm -rf "$@"; else rm -rf "$@" 2>/dev/null || unshare --map-root-user --map-auto rm -rf "$@"; fi
}
finish() {
    local i
    for ((i = ${#cleanups[@]} - 1; i >= 0; i--)); do eval "${cleanups[i]}" || true; done
    remove_all "$scratch"
    [ -z "$scratch_note" ] || rm -f "$scratch_note"
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
# can_sanitize COMPILER: it makes programs with AddressSanitizer and UBSan that run here
can_sanitize() {
    command -v "$1" >/dev/null && "$1" -fsanitize=address,undefined -x c -o "$scratch/probe" - <<<'int main(void) { return 0; }' &&
        "$scratch/probe"
} >/dev/null 2>&1
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
# What a test lends to an ordinary user is a copy: the repository may lie in a private directory, as root's home is.
public() { # PROGRAM: prints where every user finds it, once $scratch is open to all
    install -D -m 755 "$1" "$scratch/public/${1##*/}" && echo "$scratch/public/${1##*/}"
}
# data_copy DIR: of kiln's data
data_copy() {
    mkdir -p "$1/builder"
    cp -r "$repo"/{overlays,profiles,firmware,qemu-test} "$1/"
    cp -r "$repo"/builder/{base,target} "$1/builder/"
    chmod -R a+rX "$1"
}
# Guides mark commands as ```sh, and files as "<!-- file: PATH -->" before a ``` block.
page_files() { # PAGE: writes the files of the page into the working directory
    local path='' inside='' line
    while IFS= read -r line; do
        if [ -n "$inside" ]; then
            if [ "$line" = '```' ]; then inside='' path=''; else printf '%s\n' "$line" >>"$path"; fi
        elif [[ $line =~ ^'<!-- file: '(.*)' -->'$ ]]; then
            path=${BASH_REMATCH[1]}
            mkdir -p "$(dirname "$path")"
            : >"$path"
        elif [[ $line == '```'* && -n $path ]]; then
            inside=yes
        fi
    done <"$1"
}
# profile_file NAME: of a shipped or a test profile
profile_file() {
    local f
    for f in "$repo/profiles/$1.yaml" "$repo/qemu-test/profiles/$1.yaml"; do
        [ ! -e "$f" ] || echo "$f"
    done
}
# scenarios PROFILE ENGINE ARG...: plays them; every step of every scenario is a test
scenarios() {
    local profile=$1 engine=$2 report=$reports/$1-$2 status outcome name
    shift 2
    mkdir -p "$report"
    "$kiln" test "$(profile_file "$profile")" --engine "$engine" --cache "$(test_cache)" --out "$build/test-out" \
        --report "$report" ${KILN_TEST_SEED:+--seed "$KILN_TEST_SEED"} "$@" >"$report/console.txt" 2>&1
    status=$?
    if [ ! -s "$report/verdict.json" ] || { [ $status -ne 0 ] && [ $status -ne 8 ]; }; then
        not_ok "$profile is tested on $engine" "status $status"$'\n'"$(tail -n 40 "$report/console.txt")"
        return
    fi
    while IFS=$'\t' read -r outcome name; do
        case $outcome in
        passed) ok "$name" ;;
        skipped) skip "$name" 'not with this engine' ;;
        *) not_ok "$name" "$(grep -A 30 FAILED "$report/console.txt" | head -n 60)" ;;
        esac
    done < <(jq -r '.scenarios[] | .scenario as $s | .profile as $p | .steps[] | "\(.outcome)\t\($p) \($s): \(.name)"' "$report/verdict.json")
}
# listens_as_planned PROFILE ENGINE: on the machine, to the outside, nothing listens but what the plan says
listens_as_planned() {
    local planned seen
    planned=$("$kiln" plan "$(profile_file "$1")" --json | jq -r '
        (.published[] | "\(.protocol) \(.host_port)"), (.network.name_server | "tcp 53 \(.)", "udp 53 \(.)")')
    [ "$2" = nspawn ] || planned+=$'\nudp 68' # it asks for its address there
    seen=$(jq -r '[.scenarios[].boots[] | select(.listening)] | last | .listening[] | select(.where == "host")
        | select(.address | test("^(127\\.|::1)") | not) | "\(.protocol) \(.port) \(.address)"' "$reports/$1-$2/verdict.json" | sort -u)
    if [ -z "$seen" ]; then
        not_ok "$1: what listens was reported"
        return
    fi
    same "$1: nothing listens on the machine but what is in the plan" '' "$(while read -r protocol port address; do
        grep -qxe "$protocol $port" -e "$protocol $port $address" <<<"$planned" || echo "$protocol $port $address"
    done <<<"$seen")"
}
# pictured PROFILE ENGINE NAME...: these pictures of visits are in the report, and are pictures
pictured() {
    local report=$reports/$1-$2 name
    same "$1: the pictures are in the report" '' "$(for name in "${@:3}"; do
        grep -qF "$name.png" "$report/index.html" && [ "$(head -c 4 "$report/$name.png" | tail -c 3)" = PNG ] &&
            [ "$(stat -c %s "$report/$name.png")" -gt 4000 ] || echo "$name"
    done)"
}
# breakdown_is_whole PROFILE ENGINE [SCENARIO]: the report of a scenario's first boot has the seconds of every part, container and
# provision step, and what every container had in memory
breakdown_is_whole() {
    same "$1: the report says what took how long until it was ready, and who has how much memory" 'parts, containers and steps: all' "$(jq -r --arg engine "$2" --arg scenario "${3:-first-boot}" '
        [.scenarios[] | select(.scenario == $scenario).boots[]] | first |
        [(select(.ready_ms == null) | "ready"),
         (select($engine == "qemu").boot | (select((.firmware_ms // .before_kernel_ms) == null) | "firmware"),
            (("kernel_ms", "init_ms", "root_ms", "userspace_ms") as $part | select((.[$part] // 0) <= 0) | $part)),
         (.services[].containers[] | select(.started_ms == null or (.healthy_ms // 0) <= .started_ms).name),
         (.services[].containers[] | select((.memory.used // 0) <= 0) | "memory of \(.name)"),
         (select((.services | length) == 0 or ([.provision[].steps[]] | length) == 0) | "nothing"),
         (.provision[] | .id as $id | .steps[] | select(.at_ms == null or .ms == null) | "\($id)/\(.name)")]
        | "parts, containers and steps: \(if length == 0 then "all" else join(" ") + " missing" end)"' "$reports/$1-$2/verdict.json")"
}
# nothing_secret NAME DIR...: trees with no key, password, machine id or seed
nothing_secret() {
    local name=$1
    shift
    same "$name: no private key" '' "$(grep -rlI -e '^-----BEGIN .*PRIVATE KEY-----' "$@" 2>/dev/null)"
    same "$name: no ssh host key" '' "$(find "$@" -name 'ssh_host_*')"
    # An empty field lets everybody in; that of a group lets in nobody.
    same "$name: no password in any shadow file, and none left empty" '' "$(find "$@" -regex '.*/etc/g?shadow-?' -type f \
        -exec awk -F: '$2 !~ (FILENAME ~ /gshadow/ ? "^[!*]*$" : "^[!*]+$") { print FILENAME ": " $1 }' {} +)"
    same "$name: no machine id, seed or database of passwords" '' "$(find "$@" -type f -size +0 \
        \( -name machine-id -o -name random-seed -o -name credential.secret -o -name 'sasldb*' -o -name .pgpass -o -name '*htpasswd' \))"
    same "$name: no answer in debconf's passwords" '' "$(find "$@" -path '*/debconf/passwords.dat*' -exec grep -H '^Value: .' {} +)"
}
# image_mounted IMAGE: its root and store at $scratch/root and $scratch/store, which is a test
image_mounted() {
    local part start size
    for part in root store; do
        read -r start size < <(sfdisk -J "$1" | jq -r --arg suffix "_$part" \
            '.partitiontable | .sectorsize as $s | .partitions[] | select(.name // "" | endswith($suffix)) | "\(.start * $s) \(.size * $s)"')
        mkdir "$scratch/$part"
        if ! mount -o "ro,loop,offset=$start,sizelimit=$size" "$1" "$scratch/$part"; then
            not_ok "the $part of ${1##*/} is opened"
            return 1
        fi
        at_exit umount "$scratch/$part"
    done
    ok "root and store of ${1##*/} are opened"
}
