#!/usr/bin/env bash
# --help, completion and man pages: they come from docs/man, and what they say of options is what the commands take.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
cd "$repo" || exit 1

mapfile -t commands < <(sed -nE 's/^\t\{"([a-z]+)", cmd_[a-z]+\},$/\1/p' builder/main.c)
mapfile -t pages < <(cd docs/man && printf '%s\n' kiln-*.1.scd | sed -E 's/^kiln-(.*)\.1\.scd$/\1/')
same 'every command has a page, every page a command' "$(printf '%s\n' "${commands[@]}" | sort)" "$(printf '%s\n' "${pages[@]}" | sort)"

page_options() { sed -nE '/^# OPTIONS/,/^# [^O]/s/^\*(-[^*]*)\*.*/\1/p' "docs/man/$1.1.scd" | sort; }
# Quoted options in a source that are compared with an argument, not those named in a message.
source_options() { grep -ohE '"--?[a-z][a-z-]*"' "$@" | tr -d '"' | sort -u; }
for c in "${commands[@]}"; do
    same "kiln $c: the options of its page are those of its source" "$(source_options "builder/cmd/$c.c")" "$(page_options "kiln-$c")"
    same "kiln $c --help begins with its synopsis" "usage: kiln $c " "$("$kiln" "$c" --help | head -n 1 | grep -o "^usage: kiln $c ")"
    same "kiln help $c is the same" "$("$kiln" "$c" --help)" "$("$kiln" help "$c")"
    for option in $(page_options "kiln-$c"); do
        # An option that is understood is not called unknown, whatever else is missing.
        if "$kiln" "$c" "$option" 2>&1 </dev/null | grep -q 'unknown option'; then not_ok "kiln $c $option is understood"; else ok "kiln $c $option is understood"; fi
    done
    said=$("$kiln" "$c" --no-such-option 2>&1 </dev/null)
    same "kiln $c: another option is an error of usage" 1 $?
    if [[ $said == *--no-such-option* || $c == inspect ]]; then ok "kiln $c: which names it"; else not_ok "kiln $c: which names it" "$said"; fi
done
same 'the options of every command are those of main.c' "$(source_options builder/main.c builder/cmd/options.c | grep -v '^-h$')" "$(page_options kiln)"
refused 'help of an unknown command' 1 'kiln: error: unknown command "bulid"
kiln: hint: did you mean "build"?' "$kiln" help bulid

if command -v scdoc >/dev/null; then
    for page in docs/man/*.scd; do
        check "scdoc reads $page" bash -c "scdoc <$page >$scratch/page"
    done
else
    skip 'man pages' 'needs scdoc'
fi
if command -v man >/dev/null && command -v scdoc >/dev/null; then
    scdoc <docs/man/kiln-plan.1.scd >"$scratch/kiln-plan.1"
    check 'man shows a page' bash -c "man -l '$scratch/kiln-plan.1' | grep -q -- --flows"
fi

# Completion, as bash calls it.
complete_with() { # WORD...: what is offered for the last one
    bash --norc -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kiln; printf "%s\n" "${COMPREPLY[@]}"' _ "$build/kiln.bash" "$@" 2>&1
}
# shellcheck disable=SC2016 # for the inner bash
check 'the completion is a script that loads' bash --norc -c '. "$1"; complete -p kiln' _ "$build/kiln.bash"
same 'a command' build "$(complete_with kiln bui)"
same 'an option of a command' --scenario "$(complete_with kiln test --sc)"
same 'an option of every command' --timings "$(complete_with kiln lock --tim)"
same 'the words of an option' $'qemu\nnspawn' "$(complete_with kiln test --engine '')"
mkdir -p "$scratch/site/sub"
touch "$scratch/site/a.yaml" "$scratch/site/b.raw" "$scratch/site/c.txt"
cd "$scratch/site" || exit 1
same 'profiles are files' $'sub\na.yaml' "$(complete_with kiln plan '')"
same 'images are files' $'sub\nb.raw' "$(complete_with kiln inspect '')"
touch d.lock
same 'locks and profiles are files' $'sub\na.yaml\nd.lock' "$(complete_with kiln sbom '')"
same 'and images' $'sub\na.yaml\nd.lock\nb.raw' "$(complete_with kiln diff d.lock '')"
same 'directories' sub "$(complete_with kiln build --out '')"
if command -v shellcheck >/dev/null; then check 'shellcheck of the completion' shellcheck -e SC2034 "$build/kiln.bash"; else skip 'shellcheck of the completion' 'needs shellcheck'; fi
