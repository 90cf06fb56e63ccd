#!/usr/bin/env bash
# kiln plan and kiln new: results, exit codes, and a profile of one's own over a shipped one.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
cd "$repo" || exit 1

for profile in profiles/*.yaml qemu-test/profiles/*.yaml; do
    check "kiln plan $profile" "$kiln" plan "$profile"
done
json_has() { # KEY...: the plan as JSON has them
    local plan key
    plan=$("$kiln" plan profiles/core.yaml --json) || return 1
    for key; do grep -q "\"$key\":" <<<"$plan" || return 1; done
}
check 'the plan as JSON has the stable keys' json_has name arch services layer containers claims flows memory budget
prints() { "$kiln" plan profiles/core.yaml "$1" | grep -q "$2"; }
check 'flows' prints --flows '^FROM '
check 'names' prints --dns 'ADDRESS$'

# What the larger profiles are: systems by layer, claims that nobody fulfils. That each fits its machine, the plan says above.
holds() { "$kiln" plan "$1.yaml" --json | jq -r '[.services[] | select(.layer != "base")] | group_by(.layer)[] | "\(.[0].layer): \([.[].name] | join(" "))"'; }
unmet() { "$kiln" plan "$1.yaml" --json | jq -r '.services[] | .name as $s | .claims[] | select(.provider == null) | $s + "." + .name + " " + .kind'; }

same 'minimal: a door, a database, a watch' 'data: postgres
edge: front
observability: node-exporter prometheus' "$(holds profiles/minimal)"
same 'devops: its systems with what they claim' 'data: postgres silo valkey
devops: harbor mail n8n sonarqube terrakube
edge: keycloak oauth2-proxy page traefik
observability: alertmanager node-exporter prometheus' "$(holds profiles/devops)"
same 'full: six layers, every system' 'ai: ollama qdrant
data: couchdb mongodb postgres silo valkey
devops: harbor mail n8n sonarqube terrakube
edge: keycloak oauth2-proxy page traefik
messaging: kafka ksqldb
observability: alertmanager alloy grafana loki mimir node-exporter prometheus tempo' "$(holds profiles/full)"
same 'full: every claim is met' '' "$(unmet profiles/full)"
same 'observability: all of it, with where it is kept and who may see it' 'data: postgres silo valkey
devops: mail
edge: keycloak oauth2-proxy page traefik
observability: alertmanager alloy grafana loki mimir node-exporter prometheus tempo' "$(holds profiles/observability)"
same 'edge: the door, who guards it, and what they keep' 'data: postgres valkey
edge: keycloak oauth2-proxy page traefik' "$(holds profiles/edge)"
same 'data: every store' 'data: couchdb mongodb postgres silo valkey' "$(holds profiles/data)"
same 'ai: models and vectors behind the sign-on' 'ai: ollama qdrant
data: postgres valkey
edge: keycloak oauth2-proxy page traefik' "$(holds profiles/ai)"
gpus() { "$kiln" plan "$1" --json | jq -r '"\(.gpu.kind) \([.gpu.containers[] | "\(.name) \(.devices | join(","))"] | join(" "))"'; }
ollama() { "$kiln" plan "$1" --json | jq -r '.services[].containers[] | select(.name == "ollama").image'; }
for kind in nvidia amd intel; do
    same "full-$kind: what full has" "$(holds profiles/full && unmet profiles/full)" "$(holds profiles/full-$kind && unmet profiles/full-$kind)"
    same "full-$kind: the firmware of servers, and none of other GPUs" "full gpu-$kind server-network server-storage microcode-intel microcode-amd" \
        "$("$kiln" plan profiles/full-$kind.yaml --json | jq -r '.firmware.sets | join(" ")')"
    same "full-$kind: what is left out" "cloud $(printf 'gpu-%s\n' amd intel nvidia | grep -vx "gpu-$kind" | xargs)" \
        "$("$kiln" plan profiles/full-$kind.yaml --json | jq -r '.firmware.left_out | join(" ")')"
done
same 'full-amd: a person sees both' '  gpu-amd          AMD'\''s GPUs, by the kernel'\''s amdgpu; ROCm is in the containers'\'' images
  left out: cloud, gpu-intel, gpu-nvidia' "$("$kiln" plan profiles/full-amd.yaml | grep -E '^  (gpu-|left out: )')"
same 'full-nvidia: its GPUs are for Ollama' 'nvidia.com/gpu ollama all' "$(gpus profiles/full-nvidia.yaml)"
same 'full-amd: so are they' 'amd.com/gpu ollama all' "$(gpus profiles/full-amd.yaml)"
same 'full-intel: so are they' 'intel.com/gpu ollama all' "$(gpus profiles/full-intel.yaml)"
small() { printf 'profile: x\nextends: %s\nmachine: {memory: %s, disk: %s}\n' "$@" >"$scratch/x.yaml"; }
small minimal 256M 8G
refused 'one that wants more memory than its machine has is refused' 2 "kiln: error: $scratch/x.yaml:3:10: machine: memory: 1.9 GiB are needed, the machine has 256 MiB
kiln: hint: the largest: patroni-1 768 MiB, prometheus 384 MiB, etcd-1 256 MiB" env KILN_DATA="$repo" "$kiln" plan "$scratch/x.yaml"
small minimal 8G 200M
refused 'so is one that wants more disk' 2 "kiln: error: $scratch/x.yaml:3:10: machine: disk: 2.2 GiB are needed, the machine has 200 MiB
kiln: hint: boot partition 192 MiB, data 2.0 GiB: give the machine a larger disk, or leave services out" env KILN_DATA="$repo" "$kiln" plan "$scratch/x.yaml"
# A kind of GPU brings the variant that is for it, where the profile names none.
plain=docker.io/ollama/ollama:0.32.15
same "AMD's GPUs: Ollama with ROCm" $plain-rocm "$(ollama profiles/full-amd.yaml)"
same 'the others: that with CUDA and Vulkan' "$plain $plain $plain" "$(for p in full full-nvidia full-intel; do ollama profiles/$p.yaml; done | xargs)"
printf 'profile: x\nextends: full-amd\nvariants: {ollama: none}\n' >"$scratch/x.yaml"
same 'unless the profile says otherwise' $plain "$(KILN_DATA=$repo ollama "$scratch/x.yaml")"
printf 'profile: x\nextends: full-amd\ngpu: none\n' >"$scratch/x.yaml"
same 'or has no GPU' $plain "$(KILN_DATA=$repo ollama "$scratch/x.yaml")"
printf 'profile: x\nextends: ai\nvariants: {ollama: rocm}\n' >"$scratch/x.yaml"
same 'and by name it is had without' $plain-rocm "$(KILN_DATA=$repo ollama "$scratch/x.yaml")"
same 'real: every claim but one that nobody can fulfil is met' 'prometheus.store metrics-store' "$(unmet qemu-test/profiles/real)"
# PostgreSQL's own image is not: Patroni wants the server beside it. Harbor has a profile of its own, harbor-test: here the registry is Debian's. What is only given has its own, too.
same 'real: every image that the fixtures have' '' "$(comm -23 <(qemu-test/fixtures/make --list | awk -F '\t' '$4 !~ /^not to be had/ {print $2}' | grep -vE '/postgres:|/goharbor/' | sort -u) \
    <("$kiln" plan qemu-test/profiles/real.yaml --json | jq -r '.services[].containers[] | .from // .image' | sort -u))"
same 'modules that are built' '  gpu-nvidia builds nvidia.ko, nvidia-uvm.ko, nvidia-modeset.ko, nvidia-drm.ko for the kernel, from /usr/src/nvidia-current-open-*, signed with a key of this cache' \
    "$("$kiln" plan qemu-test/profiles/nvidia-test.yaml | grep ' builds ')"
same 'and as JSON' '{"modules":["acpi_call.ko"],"set":"acpi-call","source":"/usr/src/acpi-call-*"}' \
    "$("$kiln" plan qemu-test/profiles/modules-test.yaml --json | jq -cS '.firmware.builds[]')"

usage='kiln: hint: kiln plan profiles/core.yaml [--flows | --dns] [--json]'
refused 'no profile' 1 "kiln: error: plan: which profile?
$usage" "$kiln" plan
refused 'a profile that is not there' 6 'kiln: error: open nowhere.yaml: No such file or directory' "$kiln" plan nowhere.yaml
refused 'an unknown option' 1 "kiln: error: plan: unknown option '--flow'
$usage" "$kiln" plan profiles/core.yaml --flow
refused 'two profiles' 1 "kiln: error: plan: one profile at a time, found 'core' and 'edge'
$usage" "$kiln" plan core edge
refused 'two kinds of list' 1 "kiln: error: plan: --flows and --dns exclude each other
$usage" "$kiln" plan core --flows --dns

# A site of one's own, elsewhere, over the installed data.
mkdir "$scratch/site" && cd "$scratch/site" || exit 1
export KILN_DATA=$repo
same 'kiln new says what it made' my-site.yaml "$("$kiln" new my-site)"
check 'what kiln new made can be planned' "$kiln" plan my-site.yaml
same 'and brings what it extends' "$("$kiln" plan core | tail -n +3)" "$("$kiln" plan my-site.yaml | tail -n +3)"
refused 'and not by its name' 2 "kiln: error: there is no profile 'my-site'
kiln: hint: a file goes by its whole name: my-site.yaml" "$kiln" plan my-site
before=$(sha256sum my-site.yaml)
refused 'kiln new does not overwrite' 6 'kiln: error: my-site.yaml exists already
kiln: hint: choose another name, or move it away' "$kiln" new my-site
same 'nor touch' "$before" "$(sha256sum my-site.yaml)"
refused 'a name that cannot be' 1 "kiln: error: new: 'My Site' cannot be the name of a profile
kiln: hint: a-z, 0-9 and -, beginning with a letter" "$kiln" new 'My Site'
refused 'a profile that is not shipped' 2 "kiln: error: there is no profile 'coer'
kiln: hint: did you mean 'core'?" "$kiln" new other --from coer
# A variant brings images and what goes with them; what others see of the service stays.
printf 'profile: x\nextends: core\nvariants: {postgres: upstream, valkey: upstream}\n' >x.yaml
seen() { "$kiln" plan "$1" --json | jq -S '[.published, [.provision[] | del(.title)], [.services[] | {name, claims, flows, containers: [.containers[] | {name, address, memory}]}]]'; }
same 'variants offer the same' "$(seen core)" "$(seen x.yaml)"
images() { "$kiln" plan "$1" --json | jq -r '.services[].containers[].image' | grep -v '^localhost/' | sort -u; }
same 'in other images' 'docker.io/library/haproxy:3.0.11-trixie
docker.io/valkey/valkey:8.1.1' "$(images x.yaml)"
same 'without them all is composed' '' "$(images core)"
printf 'profile: y\nextends: ./x.yaml\nvariants: {postgres: none}\n' >y.yaml
same 'a profile takes back a variant that it inherits' 'docker.io/valkey/valkey:8.1.1' "$(images y.yaml)"
mkdir -p overlays/data/notary
printf '%s\n' 'service: notary' 'summary: A client' 'containers: {notary: {image: {packages: [busybox-static]}, user: nobody}}' 'claims:' '  pages: {couch: {name: admin}}' >overlays/data/notary/service.yaml
printf 'profile: x\nservices: [couchdb, notary]\nmachine: {memory: 4G, disk: 12G}\n' >x.yaml
refused "CouchDB: no claimant has the administrator's name, whose password it would not have" 2 \
    "kiln: error: overlays/data/notary/service.yaml:5:3: notary.pages: \`name: admin\` is the server's administrator; choose another" "$kiln" plan x.yaml
sed -i 's/name: admin/name: notes/' overlays/data/notary/service.yaml
check 'CouchDB: another name is a claim' "$kiln" plan x.yaml
refused 'a file is no name' 1 "kiln: error: new: --from takes the name of a profile, found 'profiles/core.yaml'
kiln: hint: for example: kiln new other --from core" "$kiln" new other --from profiles/core.yaml
printf '\357\273\277profile: x\r\nextends: core\r\noutputs: [raw, qcow]\r\n' >x.yaml
refused 'a format that is not there, before anything is built' 2 'kiln: error: x.yaml:3:10: outputs: unknown output format "qcow"
kiln: hint: did you mean "qcow2"? There are: raw, qcow2' "$kiln" plan x.yaml
refused 'nor of a build' 2 'kiln: error: --format: unknown output format "vmdk"
kiln: hint: there are: raw, qcow2' "$kiln" build my-site.yaml --format vmdk --cache "$scratch/cache" --offline
printf 'profile: x\nservises: [front]\n' >x.yaml
refused 'a wrong key ends with 2' 2 "kiln: error: x.yaml:2:1: servises: unknown key
kiln: hint: did you mean 'services'?" "$kiln" plan x.yaml
printf 'profile: x\nservices: [node-exporter]\n' >x.yaml
"$kiln" plan x.yaml >/dev/null 2>&1
same 'an unmet claim ends with 3' 3 $?

# Providers of a kind stand in for one another: one line of a profile, and nothing of the claimant's.
site() { # LINE: who fulfils a claimant's claims, and what it gets from them, with that line in the profile
    printf 'profile: x\nservices: [app, silo, versitygw, mongodb, ferretdb, postgres]\n%s\nmachine: {memory: 8G, disk: 20G}\n' "$1" >x.yaml
    "$kiln" plan x.yaml --json | python3 -c 'import json, sys
for s in json.load(sys.stdin)["services"]:
    for c in s["claims"] if s["name"] == "app" else []:
        print(c["kind"], "from", c["provider"] + ":", *c["outputs"])'
}
mkdir -p overlays/devops/app
cat >overlays/devops/app/service.yaml <<'END'
service: app
summary: A claimant
containers:
  app:
    image: {packages: [app]}
    env: {S3: "${files.url} ${files.region} ${files.bucket} ${files.access_key}", DOCUMENTS: "${papers.host}:${papers.port}/${papers.database}"}
    secrets: {S3_SECRET_KEY: "${files.secret_key}", DOCUMENTS_URL: "${papers.url}"}
claims: {files: {bucket: {name: pictures, versioning: true}}, papers: {documents: {name: papers}}}
END
bucket='host port url region bucket access_key secret_key' documents='host port database user password url'
same 'by its line the bucket is of silo' "bucket from silo: $bucket
documents from mongodb: $documents" "$(site 'providers: {bucket: silo, documents: mongodb}')"
same 'or of versitygw' "bucket from versitygw: $bucket
documents from mongodb: $documents" "$(site 'providers: {bucket: versitygw, documents: mongodb}')"
same 'and the documents of ferretdb' "bucket from versitygw: $bucket
documents from ferretdb: $documents" "$(site 'providers: {bucket: versitygw, documents: ferretdb}')"
site 'providers: {documents: mongodb}' >/dev/null 2>&1
refused 'without it, both could be meant' 3 "kiln: error: overlays/devops/app/service.yaml:8:10: app.files claims 'bucket', and several services offer it: silo, versitygw
kiln: hint: choose in the profile, \`providers: {bucket: silo}\`, or in the claim, \`from: silo\`" "$kiln" plan x.yaml

# Whatever a service claims where it can, it can claim: all of them together, with monitoring and backups.
everything() { # FRONT DOOR BUCKETS DOCUMENTS
    local others
    others=$(cd "$repo/overlays" && printf '%s\n' */*/ | cut -d / -f 2 |
        grep -vxE 'os|tools|container|front|traefik|silo|versitygw|mongodb|ferretdb' | paste -sd ,)
    printf 'profile: x\nservices: [%s]\nproviders: {metrics-query: mimir}\nmodels: [gemma3:270m]\nmachine: {memory: 64G, disk: 200G}\n' "$1, $2, $3, $others" >x.yaml
    "$kiln" plan x.yaml
}
check 'all services together' everything traefik silo mongodb
check 'and with the other providers' everything traefik versitygw ferretdb
