#!/usr/bin/env bash
# The appliance's page as people use it, in headless Chromium: the start as it goes on, a failure with its reason and log, by
# keyboard, without script; every state dark and light and on a phone; no word in the console. index.html in the build directory's
# reports/page shows what was seen.
# level: check
# minutes: 2
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/fixtures.bash
. "$(dirname "$0")/fixtures.bash"

with_browser 'the page in a browser'
report=$build/reports/page
rm -rf "$report"
mkdir -p "$report"
# axe-core, once, where npm has it: what it looks for is MPL-2.0 and no part of kiln.
axe=${KILN_FIXTURES:-$HOME/.cache/kiln-fixtures}/axe-core-4.14.1/package/axe.min.js
if [ ! -s "$axe" ] && command -v npm >/dev/null; then
    (cd "$scratch" && npm pack --silent axe-core@4.14.1 && mkdir -p "${axe%/package/*}" && tar -xzf axe-core-4.14.1.tgz -C "${axe%/package/*}") \
        >"$scratch/npm.txt" 2>&1
fi
[ -s "$axe" ] || axe=
while IFS= read -r line; do
    case $line in
    'ok - '*' # SKIP '*)
        line=${line#ok - }
        skip "${line%% # SKIP *}" "${line##* # SKIP }"
        ;;
    'ok - '*) ok "${line#ok - }" ;;
    'not ok - '*) not_ok "${line#not ok - }" ;;
    *) echo "$line" ;;
    esac
done < <(mkdir "$scratch/page" "$scratch/home" && HOME=$scratch/home python3 "$repo/builder/tests/e2e/agent-page-browser.py" "$build/kiln-agent" \
    "$scratch/page" "$report" ${axe:+"$axe"} 2>&1 || echo 'not ok - it came to its end')
same 'all was looked at' 119 "$tests"
same 'the report shows every picture' "$(cd "$report" && printf '%s\n' *.png)" "$(grep -o 'src="[^"]*' "$report/index.html" | cut -c6- | sort)"
