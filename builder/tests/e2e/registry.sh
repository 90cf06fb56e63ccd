#!/usr/bin/env bash
# kiln image, and images in a lock, against a real registry with TLS and passwords, and against one that misbehaves.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/registry.bash
. "$(dirname "$0")/registry.bash"
for program in docker-registry skopeo; do
    command -v $program >/dev/null && continue
    skip 'a real registry' "needs $program"
    exit
done
registry_begin
export HOME=$scratch
run_registry
python3 "$repo/builder/tests/tools/layout.py" layout 3000000
push oci:layout:1 hub/team/app:1 --all
index=$(jq -r '.manifests[0].digest' layout/index.json)
manifest=$(jq -r '.manifests[] | select(.platform.architecture == "amd64").digest' "layout/blobs/sha256/${index#*:}")
image() { "$kiln" -q image --cache "$scratch/cache" "$@"; }
with_ca() { image "$@" --registry-ca ca.pem; }
app=$registry/hub/team/app

refused 'a registry that nobody vouches for' 4 "kiln: error: image $app:1: https://$registry/v2/hub/team/app/manifests/1: \
SSL certificate problem: unable to get local issuer certificate" image pull "$app:1"
refused 'without a user name' 4 "kiln: error: image $app:1: https://$registry/v2/hub/team/app/manifests/1: \
$registry wants a user name and a password for hub/team/app
kiln: hint: \"podman login $registry\" puts them where kiln finds them" with_ca pull "$app:1"
credentials user wrong
refused 'with a wrong password' 4 "kiln: error: image $app:1: https://$registry/v2/hub/team/app/manifests/1: \
$registry refuses the user name or the password, or the user may not read hub/team/app
kiln: hint: \"podman login $registry\" puts them where kiln finds them" with_ca pull "$app:1"
same 'nothing is in the cache after that' '' "$(find cache/sha256 cache/images cache/tmp -type f)"
printf '{"credHelpers": {"%s": "vault"}}' "$registry" >auth.json
refused 'with a credential helper' 2 "kiln: error: image $app:1: https://$registry/v2/hub/team/app/manifests/1: \
$scratch/auth.json: the credentials of $registry are with the helper docker-credential-vault, which kiln does not run
kiln: hint: \"podman login $registry\" writes them to auth.json" with_ca pull "$app:1"
credentials user "$password"
refused 'a tag that is not there' 3 "kiln: error: image $app:nosuch: https://$registry/v2/hub/team/app/manifests/nosuch: \
there is no such image (nosuch)
kiln: hint: check its name and its tag, or say under \"mirrors:\" where else it is" with_ca pull "$app:nosuch"
refused 'an architecture that is not there' 3 "kiln: error: image $app:1: index: there is none for linux/s390x; \
there is: linux/amd64, linux/arm64/v8" with_ca pull "$app:1" --arch s390x

said=$(with_ca pull "$app:1" --json)
same 'both digests' "$index $manifest" "$(jq -r '.[0] | .index.digest + " " + .manifest.digest' <<<"$said")"
same 'the second pull fetches nothing' 0 "$(with_ca pull "$app:1" --json | jq '.[0].fetched')"
same 'by index digest the same image' "$manifest" "$(with_ca pull "$app@$index" --json | jq -r '.[0].manifest.digest')"
same 'by manifest digest, without an index' "null $manifest" \
    "$(with_ca pull "$app:1@$manifest" --json | jq -r '.[0] | "\(.index) \(.manifest.digest)"')"
same 'show tells the user' 7 "$(with_ca show "$app:1" --json | jq -r .image.config.User)"
same 'offline a tag means what it meant' "$manifest" "$(image show "$app:1" --offline --json | jq -r .manifest.digest)"
refused 'offline another one means nothing' 4 "kiln: error: image $app:2: what it is was never asked, and --offline forbids to ask
kiln: hint: run \"kiln lock\" or \"kiln image pull\" once with a network" image show "$app:2" --offline
same 'ls lists what was pulled' "$app:1 0" "$(image ls --json | jq -r ".[] | select(.name == \"$app:1\") | \"\(.name) \(.missing)\"")"
refused 'a digest that it does not have' 3 "kiln: error: image $app@sha256:$(printf '0%.0s' {1..64}): \
https://$registry/v2/hub/team/app/manifests/sha256:$(printf '0%.0s' {1..64}): there is no such image (sha256:$(printf '0%.0s' {1..64}))
kiln: hint: check its name and its digest, or say under \"mirrors:\" where else it is; \"kiln lock\" pins what a tag means now" \
    with_ca pull "$app@sha256:$(printf '0%.0s' {1..64})"
all_sound() { (cd cache/sha256 && for f in *; do echo "$f  $f"; done | sha256sum --quiet -c); }
check 'everything in the cache has its SHA-256' all_sound

check 'export' image export "$app:1" one.tar --offline
check 'export again' image export "$app:1" two.tar --offline
check 'the same bytes' cmp one.tar two.tar
same 'skopeo reads it' "$index" "$(skopeo inspect oci-archive:one.tar | jq -r .Digest)"
same 'kiln reads it, with both digests' "$index $manifest" \
    "$("$kiln" -q image show archive:one.tar --cache empty --json | jq -r '.index.digest + " " + .manifest.digest')"
check 'skopeo makes a docker archive of it' skopeo copy -q oci-archive:one.tar docker-archive:docker.tar:example/app:1
same 'kiln reads that' 2 "$("$kiln" -q image pull archive:docker.tar --cache empty --json | jq '.[0].layers | length')"
push docker-archive:docker.tar hub/team/plain:2 --format v2s2
same "Docker's own manifests" application/vnd.docker.distribution.manifest.v2+json \
    "$(with_ca pull "$registry/hub/team/plain:2" --json | jq -r '.[0].manifest.type')"
same 'a mirror answers for docker.io' "$manifest" \
    "$(with_ca pull team/app:1 --mirror "docker.io=$registry/hub" --json | jq -r '.[0].manifest.digest')"

# In a lock: what a service asks for under its upstream name is taken from the mirror.
ln -s "$repo/qemu-test/overlays" overlays
export KILN_DATA=$repo
mkdir -p site/overlays/devops/app && ln -s "$repo/qemu-test/overlays/base" site/overlays/base 2>/dev/null
cat >site/overlays/devops/app/service.yaml <<END
service: app
summary: Two images that are not composed
containers:
  app: {image: "team/app:1", memory: 16M}
  local: {image: "oci:$scratch/layout:1", memory: 16M}
END
cat >site/site.yaml <<END
profile: site
extends: $repo/qemu-test/profiles/tiny.yaml
services: [app]
mirrors: {docker.io: "$registry/hub"}
registry_ca: $scratch/ca.pem
END
cache=$(test_cache)
check 'kiln lock' "$kiln" -q lock site/site.yaml --cache "$cache"
same 'both digests are in the lock' "$index $manifest" \
    "$(jq -r '.images["docker.io/team/app:1"] | .index.digest + " " + .manifest.digest' site/site.lock)"
same 'and those of the local image' "$index $manifest oci:$scratch/layout:1" \
    "$(jq -r '.images["localhost/kiln/app/local:kiln"] | .index.digest + " " + .manifest.digest + " " + .source' site/site.lock)"
same 'layers are pinned with their diff ids' 2 \
    "$(jq '[.images["docker.io/team/app:1"].layers[] | select(.diff_id | test("^sha256:[0-9a-f]{64}$"))] | length' site/site.lock)"
check 'kiln lock --offline' "$kiln" -q lock site/site.yaml --cache "$cache" --offline
for layer in $(jq -r '.images["docker.io/team/app:1"].layers[].digest' site/site.lock); do rm -f "$cache/sha256/${layer#*:}"; done
cp site/site.lock before.lock
check 'kiln fetch' "$kiln" -q fetch site/site.yaml --cache "$cache"
same 'fetches nothing twice' 0 "$("$kiln" -q fetch site/site.yaml --cache "$cache" --offline --json | jq .fetched)"
check 'the lock is as it was' cmp before.lock site/site.lock
