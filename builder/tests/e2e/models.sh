#!/usr/bin/env bash
# Models of a profile: pinned by the digests of a registry that speaks Ollama's dialect and of a file, fetched through faults,
# carried, weighed by the plan, and laid out in the store; where Ollama itself can be had, it lists and shows them from there.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/registry.bash
. "$(dirname "$0")/registry.bash"
for tool in jq openssl python3; do
    command -v $tool >/dev/null || { skip 'models' "needs $tool: apt-get install $tool"; exit; }
done
export KILN_DATA=$repo
tools=$repo/builder/tests/tools models=$(dirname "$kiln")/tools/models
registry_begin
"$repo/qemu-test/fixtures/tiny-model.py" tiny.gguf
"$repo/qemu-test/fixtures/tiny-model.py" mine.gguf 2
echo 'Nobody may use this.' >LICENSE
python3 "$tools/modellayout.py" layout tiny.gguf
run_told_registry layout
credentials user "$password"
profile() { # MACHINE MODELS...: what is beside it is as it was
    printf '%s\n' 'profile: p' 'services: [ollama]' 'kernel: cloud' "machine: $1" "mirrors: {registry.ollama.ai: $registry/ollama}" \
        'registry_ca: ca.pem' 'models:' "${@:2}" >p.yaml
}
lock() { "$models" lock p.yaml "$@"; }
fetch() { "$kiln" -q fetch p.yaml --cache "$@"; }
digest_of() { jq -r --arg t "$1" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $t).digest' layout/index.json; }
manifest=$(digest_of 1)
blobs_of() { jq -r '.config.digest, .layers[].digest' "layout/blobs/sha256/${1#*:}"; }
weights=$(jq -r '.layers[0].digest' "layout/blobs/sha256/${manifest#*:}")
size=$(stat -c %s tiny.gguf)

tell '{"dialect": "ollama"}'
profile '{memory: 2G, disk: 4G}' '  - tiny:1' \
    '  - {name: me/mine, file: mine.gguf, template: "{{ .Prompt }}", parameters: {num_ctx: 256, temperature: 0, stop: ["</s>"]}, license: LICENSE}'
check 'models are pinned' lock cache
name=registry.ollama.ai/library/tiny:1
same 'the lock has the digest of every blob of the registry' "$(echo "$manifest" && blobs_of "$manifest")" \
    "$(jq -r --arg n $name '.models[$n] | .manifest.digest, .config.digest, .layers[].digest' p.lock)"
same 'and of a file, as it is' "sha256:$(sha256sum <mine.gguf | cut -c1-64)" \
    "$(jq -r '.models["registry.ollama.ai/me/mine:latest"].layers[0].digest' p.lock)"
cp p.lock first.lock
lock cache >/dev/null
same 'again: the same lock' "$(sha256sum <first.lock)" "$(sha256sum <p.lock)"
check 'offline a name means what it meant' lock cache offline
same 'the same lock, too' "$(sha256sum <first.lock)" "$(sha256sum <p.lock)"
rm -rf cache
same 'offline and never asked' "models: p.yaml:8:5: model $name: what it is was never asked, and --offline forbids to ask
hint: run \"kiln lock\" once with a network" "$(lock cache offline 2>&1 | grep -v '^  ')"

same 'the plan knows them' "$(printf '%s %s\n' tiny:1 "$size" me/mine:latest "$(stat -c %s mine.gguf)")" \
    "$("$kiln" plan p.yaml --cache cache --json | jq -r '.models[] | "\(.short) \(.weights)"')"
requested() { tell '{}' && jq -rs '[.[] | "\(.host) \(.path | sub(".*/v2"; "/v2")) \(.auth)"] | unique | .[]' log; }
requested >/dev/null
tokens() { "$kiln" plan p.yaml --cache cache --json | jq -r '[.models[].token] + [.budget.models | .context, .unread] | map(tostring) | join(" ")'; }
same 'what the context of one of a registry takes is not known yet' "null 512 $((512 * 256)) 1" "$(tokens)"
check 'kiln fetch' fetch cache
same 'but when it is fetched; both say their own number of tokens' "512 512 $((2 * 512 * 256)) 0" "$(tokens)"
same 'blobs come from where the registry sends, who is told nothing of us' \
    "$({ echo 'registry /v2/'; echo "registry /v2/ollama/library/tiny/manifests/$manifest"; blobs_of "$manifest" | sort -u | sed "s,.*,registry /v2/ollama/library/tiny/blobs/&\nstorage /v2/ollama/library/tiny/blobs/&,"; } | sed 's/$/ null/' | sort)" \
    "$(requested | sort)"
whole() { # CACHE: it has what the lock names, and nothing unfinished
    local d
    for d in $(jq -r '.models[] | .manifest, .config, .layers[] | .digest[7:]' p.lock); do
        [ "$(sha256sum <"$1/sha256/$d" | cut -c1-64)" = "$d" ] || return 1
    done
    [ -z "$(find "$1/tmp" "$1/partial" -type f)" ]
}
check 'all of it is in the cache' whole cache
check 'and nothing is asked any more' fetch cache --offline
same 'a cache without them, offline' "kiln: error: p.yaml:8:5: model registry.ollama.ai/library/tiny:1: not all of it is in the cache, and --offline forbids to fetch it
kiln: hint: run \"kiln fetch\" with a network" "$(rm -f "cache/sha256/${weights#*:}"; fetch cache --offline 2>&1)"

for faults in '["cut", "cut"]' '["429"]' '["500", "500"]' '["wrong"]'; do
    rm -rf again
    tell "{\"big\": $faults}"
    check "weights: $faults" fetch again
    check "weights: $faults: all of it is there" whole again
done
rm -rf again
tell '{"big": ["cut"]}'
fetch again
tell '{}'
same 'weights that were cut are continued' 1 "$(jq -s '[.[] | select(.range and .host == "storage")] | length' log)"
wrong=$(python3 -c 'import sys; b = open(sys.argv[1], "rb").read(); sys.stdout.buffer.write(bytes([b[0] ^ 1]) + b[1:])' tiny.gguf | sha256sum | cut -c1-64)
wrong_manifest=$(printf 'z%s' "$(tail -c +2 "layout/blobs/sha256/${manifest#*:}")" | sha256sum | cut -c1-64)
fails() { # NAME TOLD STATUS MESSAGE
    rm -rf again
    tell "$2"
    refused "$1" "$3" "kiln: error: p.yaml:8:5: model $name: $4" fetch again
    same "$1: nothing wrong is kept" '' "$(cd again/sha256 && for f in *; do [ "$f" = '*' ] || echo "$f  $f"; done | sha256sum --quiet -c 2>&1 | grep -v 'no properly')"
}
at="https://$registry/v2/ollama/library/tiny" lie="
kiln: hint: $registry sent it: try again; if it stays so, take another mirror, or pin another version of the model"
fails 'weights with a wrong digest' '{"big": ["wrong", "wrong"]}' 5 "blob ${weights:7:12}: $at/blobs/$weights: its SHA-256 is $wrong, expected is ${weights#*:}$lie"
fails 'weights that are too long' '{"big": ["long"]}' 5 "blob ${weights:7:12}: $at/blobs/$weights: the server has $((size + 1)) bytes, expected are $size$lie"
fails 'a manifest with a wrong digest' '{"manifests": ["wrong"]}' 5 "manifest: its SHA-256 is $wrong_manifest, expected is ${manifest#*:}$lie"
tell '{"big": [], "manifests": []}'

cp mine.gguf good.gguf
printf x | dd of=mine.gguf bs=1 seek=400000 conv=notrunc status=none
rm -rf again
refused 'a file that is another than the one locked' 5 "kiln: error: p.yaml:9:5: model me/mine:latest: $scratch/mine.gguf: the SHA-256 of its weights is $(sha256sum <mine.gguf | cut -c1-64), the lock has $(sha256sum <good.gguf | cut -c1-64)
kiln: hint: bring the file that was locked, or \"kiln lock\" pins this one" fetch again
mv good.gguf mine.gguf

# By token, as mirrors want it; by digest; what is no model.
tell '{"dialect": ""}'
rm -rf again
check 'with a token' fetch again
tell '{"dialect": "ollama"}'
sed -i "s/- tiny:1/- tiny:1@$manifest/" p.yaml
check 'by digest' lock cache
same 'its source says so' "$name@$manifest" "$(jq -r --arg n $name '.models[$n].source' p.lock)"
profile '{memory: 2G, disk: 4G}' '  - tiny:cloud'
same 'a model that is not here' "models: p.yaml:8:5: model registry.ollama.ai/library/tiny:cloud: config: the model runs elsewhere, at \"https://cloud.example\"" \
    "$(lock cache 2>&1 | grep -v '^  ')"
profile '{memory: 2G, disk: 4G}' "  - $registry/library/tiny:nosuch" # no mirror of it, so nobody else is asked
same 'a model that is not there' "models: p.yaml:8:5: model $registry/library/tiny:nosuch: https://$registry/v2/library/tiny/manifests/nosuch: there is no such image (nosuch)
hint: check its name and its tag, or say under \"mirrors:\" where else it is" \
    "$(lock cache 2>&1 | grep -v '^  ')"

# The sizes of a registry's models are known from the lock: then the plan refuses what does not fit.
profile '{memory: 640M, disk: 4G}' '  - tiny:1'
lock cache >/dev/null 2>&1
refused 'more memory than the machine has' 2 "kiln: error: p.yaml:8:3: models: memory: 769 MiB are needed, 257 MiB of it for 1 model at once; the machine has 640 MiB
kiln: hint: weights: tiny:1 494 KiB; name fewer or smaller ones, have fewer loaded at once, or give the machine more" "$kiln" -q plan p.yaml --cache cache
refused 'and so does kiln fetch' 2 "kiln: error: p.yaml:8:3: models: memory: 769 MiB are needed, 257 MiB of it for 1 model at once; the machine has 640 MiB
kiln: hint: weights: tiny:1 494 KiB; name fewer or smaller ones, have fewer loaded at once, or give the machine more" fetch cache
truncate -s 3G large.gguf # of which only the size counts here
profile '{memory: 8G, disk: 4G}' '  - tiny:1' '  - {name: large, file: large.gguf}'
refused 'more disk than the machine has; of a file that is known without a lock' 2 "kiln: error: p.yaml:8:3: models: disk: 6.0 GiB are needed for models alone, 3.0 GiB in each of two slots; the machine has 4.0 GiB
kiln: hint: name fewer or smaller ones, or give the machine a larger disk" "$kiln" -q plan p.yaml --cache cache
rm large.gguf

# In the store.
profile '{memory: 2G, disk: 4G}' '  - tiny:1' '  - tiny:2' \
    '  - {name: me/mine, file: mine.gguf, template: "{{ .Prompt }}", parameters: {num_ctx: 256, temperature: 0, stop: ["</s>"]}, license: LICENSE}'
check 'three models, two of the same weights' lock cache
check 'are fetched' fetch cache
same 'weights that two models share count once in the store' "$(jq '[.models[] | .manifest, .config, .layers[]] | unique_by(.digest) | map(.size) | add' p.lock)" \
    "$("$kiln" plan p.yaml --cache cache --json | jq .budget.models.store)"
check 'a bundle carries them' "$kiln" -q bundle -o bundle p.yaml --cache cache --offline
same 'each blob once' "$(echo lock && jq -r '.models[] | .manifest, .config, .layers[] | "sha256/" + .digest[7:]' p.lock | LC_ALL=C sort -u)" "$(tar -tf bundle)"
check 'and verifies' "$kiln" -q bundle verify bundle
"$models" store p.yaml cache >one.tar
"$models" store p.yaml cache >two.tar
same 'the same stream every time' "$(sha256sum <one.tar)" "$(sha256sum <two.tar)"
mkdir store
tar -xf one.tar -C store
places() { (cd store/data/models && find "$@" | LC_ALL=C sort); }
same "Ollama's layout" 'manifests/registry.ollama.ai/library/tiny/1
manifests/registry.ollama.ai/library/tiny/2
manifests/registry.ollama.ai/me/mine/latest' "$(places manifests -type f)"
same 'blobs by their digests, each once' "$(jq -r '.models[] | .config, .layers[] | "blobs/sha256-" + .digest[7:]' p.lock | LC_ALL=C sort -u)" "$(places blobs -type f)"
same 'and they are that' '' "$(places blobs -type f | sed 's,blobs/sha256-\(.*\),\1  store/data/models/&,' | sha256sum --quiet -c 2>&1)"
same 'manifests byte for byte as they came' "${manifest#*:}" "$(sha256sum <store/data/models/manifests/registry.ollama.ai/library/tiny/1 | cut -c1-64)"
cp "cache/sha256/${weights#*:}" rotten
printf x | dd of=rotten bs=1 seek=700 conv=notrunc status=none
rotten=$(sha256sum <rotten | cut -c1-64)
mv rotten "cache/sha256/${weights#*:}"
same 'weights that rot in the cache do not get there' "models: blob $weights of a model: its SHA-256 is $rotten: something changed it in the cache
hint: the damaged copy in the cache is gone: the next build fetches it again" "$("$models" store p.yaml cache 2>&1 >/dev/null | grep -v '^kiln: warning')"
check 'and are fetched again' fetch cache

# The real program, as the appliance starts it: its user, a directory it cannot write, no network.
fixtures=${KILN_FIXTURES:-${XDG_CACHE_HOME:-$HOME/.cache}/kiln-fixtures}
what='Ollama lists and shows them from the store'
if [ "$(id -u)" -ne 0 ]; then
    skip "$what" 'needs root, to start it without a network'
    exit
fi
made=$(nice -n 19 "$repo/qemu-test/fixtures/make" ollama)
IFS=$'\t' read -r _ state why <<<"$made"
case $state in
made) ;;
skipped) skip "$what" "$why"; exit ;;
*) not_ok "$what" "$made"; exit ;;
esac
program=$(ls -d "$fixtures"/fetched/ollama-[0-9]*/ollama)
install -m 755 "$program" "$scratch/ollama"
chmod 755 "$scratch"
cat >serve <<'END'
set -e
scratch=$1 service=$2
ip link set lo up
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/models
install -d -m 1777 /mnt/tmp
mount --bind "$scratch/store/data/models" /mnt/models
mount -o remount,ro,bind /mnt/models
mapfile -t env < <(sed -nE '/^    env:/,/^    models:/s/^      ([A-Z_]+): "?([^"$]*)"?$/\1=\2/p' "$service")
[ ${#env[@]} -ge 5 ]
cp "$scratch/ollama" /mnt/ollama
env -i "${env[@]}" HOME=/mnt/tmp OLLAMA_MODELS=/mnt/models setpriv --reuid=65532 --regid=65532 --clear-groups --no-new-privs \
    --bounding-set=-all --inh-caps=-all /mnt/ollama serve >"$scratch/serve.log" 2>&1 &
program=$!
ask() { curl -s "http://127.0.0.1:11434/api/$1" "${@:2}"; }
for ((i = 0; i < 600; i++)); do ask version >"$scratch/version" && break; sleep 0.2; done
ask tags >"$scratch/tags"
ask show -d '{"model": "me/mine"}' >"$scratch/show"
curl -s http://127.0.0.1:11434/v1/models >"$scratch/openai"
ask delete -X DELETE -d '{"model": "tiny:1"}' >"$scratch/delete"
ask create -d '{"model": "new", "from": "tiny:1"}' >"$scratch/create"
ask generate -d '{"model": "tiny:1", "prompt": "one"}' >"$scratch/generate"
ask tags >"$scratch/tags.after"
awk 'NR > 1 && $4 == "0A" {print $2}' /proc/net/tcp /proc/net/tcp6 >"$scratch/listening"
kill $program
wait $program || :
END
before=$(cd store && find . -printf '%p %s %T@ %m\n' | sort)
check 'Ollama starts on them' unshare --net --mount --pid --fork --kill-child bash serve "$scratch" "$repo/overlays/ai/ollama/service.yaml"
same "$what" "me/mine:latest $(jq -r '.models["registry.ollama.ai/me/mine:latest"].manifest.digest[7:]' p.lock) gguf llama 124K F32
tiny:1 ${manifest#*:} gguf llama 124K F32
tiny:2 $(digest_of 2 | cut -c8-) gguf llama 124K F32" \
    "$(jq -r '.models | sort_by(.name)[] | "\(.name) \(.digest) \(.details | "\(.format) \(.family) \(.parameter_size) \(.quantization_level)")"' tags)"
same 'template, parameters and licence are those of the profile' '{{ .Prompt }}|Nobody may use this.|num_ctx 256|stop "</s>"|temperature 0' \
    "$(jq -r '"\(.template)|\(.license | rtrimstr("\n"))|\(.parameters | gsub(" +"; " ") | split("\n") | sort | join("|"))"' show)"
same "OpenAI's interface has them" 'me/mine:latest tiny:1 tiny:2' "$(jq -r '[.data[].id] | sort | join(" ")' openai)"
same 'nobody can take one away or add one' 'read-only file system read-only file system' "$(grep -oh 'read-only file system' delete create | xargs)"
same 'they are there afterwards' "$(jq -S '.models | sort_by(.name)' tags)" "$(jq -S '.models | sort_by(.name)' tags.after)"
same 'nothing was written' "$before" "$(cd store && find . -printf '%p %s %T@ %m\n' | sort)"
check 'without its runner it cannot answer, and says so' grep -q 'llama-server binary not found' generate
same 'it listens at one port' '00000000000000000000000000000000:2CAA' "$(sort -u listening)"
