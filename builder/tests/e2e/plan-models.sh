#!/usr/bin/env bash
# What kiln plan knows of a model's memory from the head of its file: weights and context, and that a context alone is refused.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

export KILN_DATA=$repo
cd "$scratch" || exit 1
# Two layers, four heads for keys and values, each of 16 numbers: 512 bytes for a token.
python3 "$repo/qemu-test/fixtures/tiny-model.py" tiny.gguf
profile() { # SETTINGS [PARAMETERS]
    printf '%s\n' 'profile: p' 'services: [ollama]' 'machine: {memory: 1G, disk: 8G}' "settings: {ollama: {$1}}" 'models:' \
        "  - {name: tiny, file: tiny.gguf${2:+, parameters: {$2\}}}" >p.yaml
}
planned() { "$kiln" plan p.yaml --json --cache cache | jq -r '"\(.models[0].token) \(.budget.models.context) \(.budget.models.unknown) \(.budget.models.unread)"'; }
says() { "$kiln" plan p.yaml --cache cache | sed -n 's/^  ollama has //p'; }

profile ''
same 'a token, 4096 of them' '512 2097152 0 0' "$(planned)"
same 'as people read it' '1 of them loaded at once: 259 MiB of memory, of the machine or its GPU, 2.0 MiB of it for their context' "$(says)"
profile 'context: 8192, parallel: 4'
same 'as many as the service says, for each request' "512 $((512 * 8192 * 4)) 0 0" "$(planned)"
profile 'context: 8192, parallel: 4' 'num_ctx: 1024'
same 'as the model itself says' "512 $((512 * 1024 * 4)) 0 0" "$(planned)"
profile 'context: 1048576, parallel: 2'
refused 'a context that is larger than the machine' 2 "kiln: error: p.yaml:6:3: models: memory: 1.8 GiB are needed, 1.3 GiB of it for 1 model at once; the machine has 1.0 GiB
kiln: hint: weights: tiny:latest 494 KiB and 1.0 GiB for its context; name fewer or smaller ones, have fewer loaded at once, a shorter context, or give the machine more" \
    "$kiln" plan p.yaml --cache cache
profile 'context: 1048576, parallel: 2' 'num_ctx: 2048'
check 'unless the model says a shorter one' "$kiln" plan p.yaml --cache cache

# A file without its head, and one that is not there yet.
head -c 100 tiny.gguf >short && mv short tiny.gguf
profile ''
same 'a head that cannot be read' 'null 0 0 1' "$(planned)"
# shellcheck disable=SC2016 # as it is said
same 'is said' '1 of them loaded at once: at least 256 MiB of memory, of the machine or its GPU, the rest of that known after `kiln fetch`' "$(says)"
rm tiny.gguf
same 'nothing is known of a file that is not there' 'null 0 1 0' "$(planned)"
same 'is said as well' "1 of them loaded at once: how much memory is known after \`kiln lock\`" "$(says)"
# shellcheck disable=SC2016
same 'and beside the sum' '  memory  512 MiB of 1.0 GiB, and models whose size is known after `kiln lock`' "$("$kiln" plan p.yaml --cache cache | grep '^  memory ')"
