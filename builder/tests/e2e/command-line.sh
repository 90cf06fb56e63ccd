#!/usr/bin/env bash
# The command line: what kiln says of itself and of wrong options.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

check 'kiln --help ends with 0' "$kiln" --help
check 'kiln --version ends with 0' "$kiln" --version
refused 'an unknown command names the nearest' 1 'kiln: error: unknown command "biuld"
kiln: hint: did you mean "build"?' "$kiln" biuld
refused 'a word that is near to nothing' 1 'kiln: error: unknown command "xyzzy"
kiln: hint: "kiln --help" lists the commands' "$kiln" xyzzy
refused '-j without a number' 1 'kiln: error: -j: expected a number from 1 to 1024, found "many"' "$kiln" build -j many
refused '-j 0' 1 'kiln: error: -j: expected a number from 1 to 1024, found "0"' "$kiln" build -j 0
refused '--cache without a value' 1 'kiln: error: --cache needs a value' "$kiln" build --cache
refused 'build of two profiles' 1 'kiln: error: build: one profile at a time, found "edge" as well
kiln: hint: for example: kiln build core' "$kiln" build core edge
refused 'bundle of two profiles' 1 'kiln: error: bundle: one profile at a time, found "edge" as well
kiln: hint: for example: kiln bundle -o core.bundle core' "$kiln" bundle -o x core edge
refused 'cache without a word' 1 'kiln: error: cache: what shall be done with it?
kiln: hint: kiln cache verify, or kiln cache prune [--unused DAYS] [--max-size SIZE] [--dry-run]' "$kiln" cache
refused 'cache with another word' 1 'kiln: error: cache: cannot "very"
kiln: hint: kiln cache verify, or kiln cache prune [--unused DAYS] [--max-size SIZE] [--dry-run]' "$kiln" cache very
refused 'cache verify of one thing' 1 'kiln: error: cache: too much: "steps"' "$kiln" cache verify steps
refused 'cache prune of one thing' 1 'kiln: error: cache prune: too much: "steps"' "$kiln" cache prune steps
refused 'cache prune with an option of others' 1 'kiln: error: cache prune: unknown option "--all"' "$kiln" cache prune --all
refused 'cache prune by what is no number' 1 'kiln: error: cache prune: --unused: expected a number of days, found "2w"' "$kiln" cache prune --unused 2w
refused 'cache prune by what is no size' 1 'kiln: error: cache prune: --max-size: expected a size like 20G, found "much"' "$kiln" cache prune --max-size much
refused 'cache prune without a size' 1 'kiln: error: cache prune: --max-size needs a value' "$kiln" cache prune --max-size
refused 'cache verify where there is none' 6 "kiln: error: cache: there is none at $scratch/none
kiln: hint: say where with --cache DIR" "$kiln" cache verify --cache "$scratch/none"

# A result of which a part could not be written is none, however long it is.
written() { # NAME TEXT COMMAND...: with a disk that is full behind standard output
    local name=$1 text=$2 said status
    shift 2
    said=$("$@" 2>&1 >/dev/full)
    status=$?
    same "$name" "6 kiln: error: write the result: $text" "$status $(head -n 1 <<<"$said")"
}
written 'a long result on a full disk' 'only a part of it could be written' "$kiln" plan "$repo/profiles/full.yaml" --json
written 'a long text on a full disk' 'only a part of it could be written' "$kiln" plan "$repo/profiles/full.yaml"
written 'a short one' 'No space left on device' "$kiln" --version
refused 'a name that is not UTF-8' 1 'kiln: error: argument 2 is not UTF-8: "caf�.lock"
kiln: hint: name the file otherwise' "$kiln" sbom $'caf\xe9.lock'
