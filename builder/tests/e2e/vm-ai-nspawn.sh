#!/usr/bin/env bash
# Text from a model that lies in the image: the real Ollama with its runner, asked by a claimant inside and by a person with a
# browser behind the sign-on, on first boot and after a restart; who has not signed on gets none; nothing is written for the model.
# level: full
# minutes: 15
#
# The images are of qemu-test/fixtures, the models too: what cannot be had here is skipped with the reason.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/fixtures.bash
. "$(dirname "$0")/fixtures.bash"

with_browser 'ai-test in nspawn'
with_fixtures 'ai-test in nspawn' traefik oauth2-proxy keycloak ollama-runner
with_models 'ai-test in nspawn'
mirrored ai-test "$scratch/shipped"
scenarios ai-test nspawn --scenario ai
listens_as_planned ai-test nspawn
pinned ai-test
same 'the models of the lock are the files' "$(cd "$scratch/models" && sha256sum tiny.gguf gemma3-270m.gguf | cut -c1-64)" \
    "$(jq -r '.models | to_entries | sort_by(.key)[].value.layers[0].digest[7:]' "$scratch/profiles/ai-test.lock")"
