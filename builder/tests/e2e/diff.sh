#!/usr/bin/env bash
# kiln diff of two locks, for people and as JSON, its exit status, and what it refuses. With KILN_UPDATE_GOLDEN set the expected
# output is written anew.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
cd "$repo/builder/tests/golden/diff" || exit 1

golden() { # NAME FILE STATUS COMMAND...
    local got status
    got=$("${@:4}")
    status=$?
    [ -z "${KILN_UPDATE_GOLDEN:-}" ] || printf '%s\n' "$got" >"$2"
    same "$1: status" "$3" "$status"
    same "$1" "$(<"$2")" "$got"
}
golden 'what a later lock changes' forth.txt 9 "$kiln" diff before.lock after.lock
golden 'and the other way round' back.txt 9 "$kiln" diff after.lock before.lock
golden 'as JSON' forth.json 9 "$kiln" diff before.lock after.lock --json
same 'the same lock' 'before.lock and before.lock: no difference' "$("$kiln" diff before.lock before.lock)"
check 'ends with 0' "$kiln" diff before.lock before.lock
same 'which is said in JSON, too' '{"same":true,"sources":[],"trees":[],"images":[],"models":[]}' \
    "$("$kiln" diff --json before.lock before.lock | jq -c '{same, sources, trees, images, models}')"
# Another date alone is a difference, and so is another architecture.
jq '.epoch += 60' before.lock >"$scratch/later.lock"
same 'only the date' "before.lock -> $scratch/later.lock
  date       2025-11-23 12:13 -> 2025-11-23 12:14
  download   438 MiB, unchanged
  installed  39.3 MiB, unchanged" "$("$kiln" diff before.lock "$scratch/later.lock")"
# A model alone is one, too: new parameters, the same weights.
jq --indent 1 -S --slurpfile a after.lock '.models["registry.ollama.ai/library/gemma3:270m"] = $a[0].models["registry.ollama.ai/library/gemma3:270m"]' \
    before.lock >"$scratch/model.lock"
same 'only a model' '  download   438 MiB, unchanged
  installed  39.3 MiB, unchanged

models
    registry.ollama.ai/library/gemma3:270m  f9dc304efa4c -> f8fa52806802  1 of 2 layers new, unchanged' \
    "$("$kiln" diff before.lock "$scratch/model.lock" | tail -n +2)"
check 'a profile stands for its lock' test -s "$repo/profiles/core.yaml"
cp before.lock "$scratch/core.lock" # of a shipped profile: in the working directory
cd "$scratch" || exit 1
export KILN_DATA=$repo
same 'a shipped profile by its name' 'core.lock and core: no difference' "$("$kiln" diff core.lock core)"
printf 'profile: x\nextends: core\n' >x.yaml
refused 'a profile without a lock' 6 'kiln: error: open ./x.lock: No such file or directory
kiln: hint: "kiln lock ./x.yaml" makes it' "$kiln" diff core.lock ./x.yaml

usage='kiln: hint: for example: kiln diff before.lock core'
refused 'nothing to compare' 1 "kiln: error: diff: expected two locks or two images, found nothing
$usage" "$kiln" diff
refused 'only one' 1 "kiln: error: diff: expected two locks or two images, found one
$usage" "$kiln" diff core.lock
refused 'three' 1 "kiln: error: diff: expected two locks or two images, found \"x.raw\" as well
$usage" "$kiln" diff core.lock core.lock x.raw
refused 'a lock and an image' 1 'kiln: error: diff: core.lock is a lock, x.raw is an image
kiln: hint: compare two locks (FILE.lock, or profiles that have one), or two images' "$kiln" diff core.lock x.raw
refused 'a lock that is not there' 6 'kiln: error: open none.lock: No such file or directory
kiln: hint: "kiln lock PROFILE" makes it, beside the profile' "$kiln" diff core.lock none.lock
refused 'an image that is not there' 6 'kiln: error: inspect none.raw: No such file or directory
kiln: hint: "kiln build PROFILE" makes out/NAME.raw' \
    "$kiln" -q diff none.raw none.raw --cache "$scratch/cache"
printf '{"kiln": 2}' >new.lock
refused 'a lock of another kiln' 5 'kiln: error: new.lock: a lock of format 2, this kiln knows format 1
kiln: hint: "kiln lock" makes it anew' "$kiln" diff core.lock new.lock
