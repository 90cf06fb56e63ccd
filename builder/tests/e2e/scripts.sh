#!/usr/bin/env bash
# Every script that overlays bring into an appliance is one in its language: what the shebang, or else the suffix, says
# parses it, without running any of it. JSON as well. (make lint has shellcheck besides.)
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

# parser FILE: the language that it is in, nothing for what is no script
parser() {
    local line
    IFS= read -r line <"$1" 2>/dev/null || [ -n "$line" ] || return 0
    case $line in
    '#!'*python3*) echo python3 ;;
    '#!'*perl*) echo perl ;;
    '#!'*bash*) echo bash ;;
    '#!'*/sh | '#!'*/sh\ *) echo sh ;;
    '#!'*) echo "unknown: $line" ;;
    *)
        case $1 in
        *.py) echo python3 ;;
        *.js) echo node ;;
        *.bash) echo bash ;;
        *.sh) echo sh ;;
        *.json) echo json ;;
        esac
        ;;
    esac
}
parse() { # LANGUAGE FILE: true when it is one
    case $1 in
    sh | bash) "$1" -n "$2" ;;
    python3) python3 -c 'import ast, sys; ast.parse(open(sys.argv[1], encoding="utf-8").read(), sys.argv[1])' "$2" ;;
    perl) perl -c "$2" ;;
    # Whatever its name is, and however this node would take it.
    node) node --check - <"$2" ;;
    json) python3 -c 'import json, sys; json.load(open(sys.argv[1], encoding="utf-8"))' "$2" ;;
    *)
        echo "nothing here parses it: $1"
        return 1
        ;;
    esac 2>&1
}
# A test that takes everything would show nothing.
broken() { # LANGUAGE TEXT
    command -v "$1" >/dev/null || [ "$1" = json ] || return 0
    printf '%s\n' "$2" >"$scratch/broken"
    if said=$(parse "$1" "$scratch/broken"); then not_ok "a broken script of $1 is told" "taken: $2 $said"; else ok "a broken script of $1 is told"; fi
}
# shellcheck disable=SC2016 # as it stands in the script
{
    broken sh 'if true; then'
    broken bash 'case $1 in a) ;;'
    broken python3 'def keep(:'
    broken perl 'sub keep { my $n = ;'
    broken node 'const keep = { load( };'
    broken json '{"keep": }'
}
printf '#!/usr/bin/awk -f\n' >"$scratch/other"
same 'a language that nothing here parses is told' 'unknown: #!/usr/bin/awk -f' "$(parser "$scratch/other")"

found=0
while IFS= read -r file; do
    language=$(parser "$repo/$file")
    [ -n "$language" ] || continue
    found=$((found + 1))
    if [ "$language" != json ] && [[ $language != unknown* ]] && ! command -v "$language" >/dev/null; then
        skip "$file" "needs $language"
    else
        check "$file is $language" parse "$language" "$repo/$file"
    fi
done < <(cd "$repo" && find overlays qemu-test/overlays -type f | LC_ALL=C sort)
if [ "$found" -ge 25 ]; then ok 'scripts were found'; else not_ok 'scripts were found' "$found"; fi
