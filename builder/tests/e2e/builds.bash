# shellcheck shell=bash
# Builds that are compared by the SHA-256 of their images: in caches of their own, and killed on their way.

# own_cache DIR: a cache that has the downloads of the shared one and nothing else. They are links to the same files: kiln
# replaces an entry and never changes one, and so must a test.
own_cache() {
    mkdir -p "$1"
    cp -al "$(test_cache)/sha256" "$1/" 2>/dev/null && return
    rm -rf "$1/sha256" # on another file system
    cp -a "$(test_cache)/sha256" "$1/"
}
# step_output CACHE NAME FILE: the directory of a step, by the key that --explain said last
step_output() { compgen -G "$1/steps/$2-$(sed -nE "s/^  $2 +([0-9a-f]{12})  .*/\1/p" "$3" | tail -n 1)*"; }
images() { (cd "$1" && sha256sum -- *) 2>/dev/null; } # DIR: the SHA-256 of every image

# ms_left TIMINGS CACHE: how long a build will take, by the times of a whole one (--timings) and the steps that are there.
# Steps overlap: the whole one's own time, in ms, is in TIMINGS.ms.
ms_left() {
    local seconds unit step rest ms all=0 left=0
    while read -r seconds unit step rest; do
        [[ $seconds =~ ^([0-9]+)\.([0-9]{2})$ && $unit = s ]] || continue
        ms=$((10#${BASH_REMATCH[1]} * 1000 + 10#${BASH_REMATCH[2]} * 10)) all=$((all + ms))
        case $step in
        unpack) [ -z "$(ls -A "$2/unpacked" 2>/dev/null)" ] || continue ;;
        *) ! compgen -G "$2/steps/$step-*" >/dev/null || continue ;;
        esac
        left=$((left + ms))
    done <"$1"
    echo $((all ? left * $(<"$1.ms") / all : 0))
}
# timed_build TIMINGS COMMAND...: COMMAND is a kiln build; afterwards there is what ms_left needs
timed_build() {
    local timings=$1 begun=${EPOCHREALTIME/[.,]/}
    shift
    "$@" --timings >"$timings" 2>&1 || { cat "$timings" && return 1; }
    echo $(((${EPOCHREALTIME/[.,]/} - begun) / 1000)) >"$timings.ms"
}

# killed_builds KILLS TIMINGS IMAGES PROFILE CACHE OUT ARG...: kill -9 of kiln build, KILLS times. Every build goes on where
# the one before it was killed, and is killed at a random moment of the time that it needs. Where that is short, and where a
# build ends before its moment, it must have made the IMAGES; the next one begins without a random half of the steps. The last
# one is not killed. KILN_TEST_SEED gives the same moments again.
killed_builds() {
    # shellcheck disable=SC2154
    local kills=$1 timings=$2 want=$3 dir=$5 out=$6 log=$scratch/killed.log killed=0 ended=0 left ms u status broken step
    local build=("$kiln" build "$4" --cache "$dir" --out "$out" --offline "${@:7}")
    [ -s "$timings.ms" ] || {
        not_ok 'builds that are killed' 'there are no times of a whole one'
        return
    }
    RANDOM=${KILN_TEST_SEED:=$((EPOCHSECONDS % 32768))}
    echo "# KILN_TEST_SEED=$KILN_TEST_SEED"
    while [ $killed -lt "$kills" ] && [ $ended -lt $((3 * kills)) ]; do
        left=$(ms_left "$timings" "$dir")
        u=$((RANDOM / 8)) # cubed: early moments more often, or a step that takes long is begun too often for its time
        ms=$((left * u * u * u / 4096 ** 3 + 1))
        [ "$left" -ge $(($(<"$timings.ms") / 20)) ] || ms=86400000
        timeout --foreground -s KILL "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))" "${build[@]}" >"$log" 2>&1
        status=$?
        if [ $status -eq 137 ]; then
            killed=$((killed + 1))
            echo "# killed after $ms of $left ms; the last line: $(tail -n 1 "$log")"
            broken=$(images "$out" | grep -vE ' [^ ]+\.new$' | grep -vxF "$want")
            [ -z "$broken" ] || not_ok 'an image is whole or not there' "$broken"
        elif [ $status -eq 0 ]; then
            ended=$((ended + 1))
            same "a build that ended, after $killed kills: the same SHA-256" "$want" "$(images "$out")"
            for step in "$dir"/steps/*; do ((RANDOM % 2)) || remove_all "$step"; done
            rm -rf "$out"
        else
            not_ok "a build after $killed kills" "status $status"$'\n'"$(<"$log")"
            return
        fi
    done
    same 'builds were killed' "$kills" $killed
    check "a build after $killed kills" "${build[@]}"
    same "killed $killed times and resumed: the same SHA-256" "$want" "$(images "$out")"
    same 'nothing is left over in the cache' '' "$(ls "$dir/tmp")"
}
