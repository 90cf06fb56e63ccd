#!/usr/bin/env bash
# The unit tests with AddressSanitizer and UBSan, as gcc and as clang make them.
# level: full
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
cd "$repo" || exit 1
export CMOCKA_MESSAGE_OUTPUT=TAP UBSAN_OPTIONS=print_stacktrace=1

for compiler in gcc clang; do
    if ! can_sanitize "$compiler"; then
        skip "$compiler" 'it is not there, or its sanitizers are not'
        continue
    fi
    b=$build/sanitizers/$compiler
    check "$compiler builds the unit tests" make -s -j"$(nproc)" CC="$compiler" SANITIZE=address,undefined B="$b" unit
    for source in builder/tests/unit/*_test.c; do
        name=$(basename "$source" .c)
        log=$b/$name.log
        # What a test leaves behind when it is stopped is in the scratch directory.
        TMPDIR=$scratch "$b/unit/$name" >"$log" 2>&1 </dev/null
        status=$?
        if [ $status -ne 0 ]; then
            not_ok "$compiler: $name" "status $status"$'\n'"$(grep -vE '^ok ' "$log" | tail -n 100)"
        elif grep -qE '^(not )?ok ' "$log" && ! grep -E '^(not )?ok ' "$log" | grep -qv '# SKIP'; then
            skip "$compiler: $name" 'all its tests'
        else
            ok "$compiler: $name"
        fi
    done
done
