#!/usr/bin/env bash
# What README.md and the guides tell people to type works: cheap commands are run, in order, over the files that the page
# shows; the others are known, with known options, and run by another script of these tests.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
cd "$repo" || exit 1

page_commands() { # PAGE: lines of its ```sh blocks, without comments
    awk '/^```sh$/ { on = 1; next } /^```$/ { on = 0 } on' "$1" | sed -E 's/[[:space:]]+#.*$//; /^(#|$)/d'
}
# Which script runs what takes long, and how it says so.
declare -A script=([lock]=lock [fetch]=lock [build]=build-tiny [test]=vm-tiny-nspawn [run]=run [inspect]=inspect [image]=registry [bundle]=bundle [sbom]=sbom [diff]=diff)
covered() { # COMMAND
    # shellcheck disable=SC2016 # as it stands in the script
    local says='"\$kiln"( -[^ ]*)* '$1' '
    [ "$1" != test ] || says='^scenarios '
    grep -qE "$says" "$repo/builder/tests/e2e/${script[$1]}.sh"
}
kiln_line() { # WORD...: of a command line that begins with kiln
    local command=$1 word
    shift
    case $command in
    plan | new | help | --help | --version)
        check "$page: kiln $command $*" "$kiln" "$command" "$@"
        return
        ;;
    lock | fetch | build | test | run | inspect | image | bundle | sbom | diff) ;;
    *)
        not_ok "$page: kiln $command $*" 'no such command'
        return
        ;;
    esac
    local help
    help=$("$kiln" "$command" --help)
    for word; do
        [[ $word != -* ]] || grep -qE "^  $word( |\$)" <<<"$help" || not_ok "$page: kiln $command $*" "$word is no option"
        [[ $word != *.yaml ]] || check "$page: kiln $command $*: its profile can be planned" "$kiln" plan "$word"
    done
    check "$page: kiln $command $*: ${script[$command]}.sh runs it" covered "$command"
}

export KILN_DATA=$repo
pages=(README.md docs/*.md)
for page in "${pages[@]}"; do
    site=$scratch/site
    rm -rf "$site"
    mkdir -p "$site"
    # The scenario's page goes on with the profile that the service's page made.
    [ "$page" != docs/writing-a-scenario.md ] || (cd "$site" && page_files "$repo/docs/writing-a-service.md")
    (cd "$site" && page_files "$repo/$page")
    while IFS= read -r line; do
        read -ra words <<<"$line"
        case ${words[0]} in
        kiln | build/kiln)
            cd "$site" || exit 1
            kiln_line "${words[@]:1}"
            cd "$repo" || exit 1
            ;;
        make) check "$page: $line: make knows how" make -n "${words[@]:1}" ;;
        tar) ok "$page: $line" ;;
        *) not_ok "$page: $line" 'what is that?' ;;
        esac
    done < <(page_commands "$page")
    for scenario in "$site"/qemu-test/*.yaml; do
        [ -e "$scenario" ] || continue
        # For another engine it is read, and not played; the image is one in form only.
        truncate -s 4M "$site/x.raw"
        echo 'label: gpt' | sfdisk -q "$site/x.raw"
        sed -i 's/^engines: .*/engines: [nspawn]/' "$scenario"
        name=$(basename "$scenario" .yaml)
        check "$page: $name is a scenario" "$kiln" test "$site/x.raw" --scenario "$name" --cache "$scratch/cache" --out "$scratch/out"
    done
    # Links lead somewhere.
    while IFS= read -r target; do
        check "$page: link to $target" test -e "$(dirname "$page")/$target"
    done < <(grep -oE '\]\([^)#:]+\)' "$page" | sed 's/^](//; s/)$//' | sort -u)
done

# Pages of files know every key that the readers take.
cd "$repo" || exit 1
keys() { # SOURCE TABLE: of a table of fields
    sed -n "/static const struct field $2\[\]/,/FIELD_END/p" "builder/config/$1.c" |
        sed -nE 's/.*FIELD_AS\("([a-z_]+)".*/\1/p; s/.*FIELD(_SUB)?\([^,]*, ([a-z_]+),.*/\2/p'
}
named() { # PAGE WORD...: those that the page does not have in bold at the beginning of a row
    local page=$1 word
    shift
    for word; do grep -q '^|.*[*]'"$word"'[*]' "$page" || echo "$word"; done
}
mapfile -t profile < <(keys profile profile_fields)
# shellcheck disable=SC2034 # by name, below
mapfile -t service < <(keys service service_fields)
mapfile -t scenario < <(keys scenario file_fields)
mapfile -t steps < <(sed -nE 's/^\t\[STEP_[A-Z]+\] = \{"([a-z]+)".*/\1/p' builder/config/scenario.c)
for what in profile service scenario; do
    declare -n list=$what
    if [ ${#list[@]} -gt 5 ]; then ok "keys of a $what are found"; else not_ok "keys of a $what are found" "${list[*]}"; fi
    same "kiln-$what(5) has every key" '' "$(named "docs/man/kiln-$what.5.scd" "${list[@]}")"
done
same 'kiln-scenario(5) has every step' '' "$(named docs/man/kiln-scenario.5.scd "${steps[@]}")"
same 'docs/writing-a-scenario.md has every step' '' "$(for s in "${steps[@]}"; do grep -q "^| \`$s\` |" docs/writing-a-scenario.md || echo "$s"; done)"

# The order of the source as docs/architecture.md tells it is the one that make lint checks.
declare -A may
eval "$(sed -n '/^declare -A may=/,/^)/p' builder/scripts/include-order)"
for dir in "${!may[@]}"; do
    case $dir in steps | cmd | target | main.c) continue ;; esac # told in words
    # shellcheck disable=SC2016 # Markdown
    row=$(sed -nE 's/^\| `'"$dir"'` \| .* \| ?`?([a-z ]*)`? ?\|$/\1/p' docs/architecture.md)
    same "docs/architecture.md: builder/$dir may use" "$(tr ' ' '\n' <<<"${may[$dir]}" | grep -vx base | sort | xargs)" "$(tr ' ' '\n' <<<"$row" | sort | xargs)"
done
