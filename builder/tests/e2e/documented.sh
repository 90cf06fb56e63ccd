#!/usr/bin/env bash
# What is generated for programs that no test can have has documented keys only, with values of their types: it is walked before
# tables of them, builder/tests/schemas, which say where each is from. A misspelling in each is told.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

while IFS=$'\t' read -r state what why; do
    case $state in ok) ok "$what" ;; *) not_ok "$what" "$state $why" ;; esac
done < <(cd "$repo" && python3 -B "$repo/builder/tests/e2e/documented.py" "$repo" "$build" 2>&1)
