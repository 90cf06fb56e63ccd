#!/usr/bin/env bash
# kiln build of the core profile, killed at 20 random moments (KILN_TEST_KILLS): what comes out is what an undisturbed build
# makes.
# level: full
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/builds.bash
. "$(dirname "$0")/builds.bash"

profile=$(profile_file core)
check 'the packages of core are there' "$kiln" fetch "$profile" --cache "$(test_cache)"
own_cache "$scratch/cache"
check 'an undisturbed build' timed_build "$scratch/timings" "$kiln" build "$profile" --cache "$scratch/cache" --out "$scratch/whole" --offline
[ "$bad" -eq 0 ] || exit
echo "# $(<"$scratch/timings.ms") ms"
want=$(images "$scratch/whole")
remove_all "$scratch/whole" "$scratch/cache/steps" "$scratch/cache/unpacked"
killed_builds "${KILN_TEST_KILLS:-20}" "$scratch/timings" "$want" "$profile" "$scratch/cache" "$scratch/out"
