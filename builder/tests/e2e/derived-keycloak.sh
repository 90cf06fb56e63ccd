#!/usr/bin/env bash
# The real Keycloak, built for its database while its image is derived: the same bytes every time, and nothing but what
# `keep` names. The image comes from the fixture (qemu-test/fixtures), without a registry.
# level: full
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

for tool in skopeo jq python3; do
    command -v $tool >/dev/null || {
        skip 'Keycloak, derived' "needs $tool"
        exit 0
    }
done
made=$(nice -n 19 "$repo/qemu-test/fixtures/make" keycloak)
case $(cut -f2 <<<"$made") in
made) ok "the fixture $(cut -f3 <<<"$made")" ;;
*)
    skip 'Keycloak, derived' "$(cut -f3- <<<"$made")"
    exit 0
    ;;
esac
tag=$(cut -f3 <<<"$made" | sed 's/.*://')
layout=$(realpath -e "${KILN_FIXTURES:-$HOME/.cache/kiln-fixtures}/images/keycloak-$tag") || exit 1
export KILN_DATA=$repo
cd "$scratch" || exit 1
mkdir -p site/overlays/edge/sign-on
cat >site/sign-on.yaml <<'END_'
profile: sign-on
summary: Keycloak, built for PostgreSQL
services: [sign-on]
kernel: cloud
machine: {memory: 2G, disk: 4G, cpus: 2}
outputs: [raw]
END_
cat >site/overlays/edge/sign-on/service.yaml <<END_
service: sign-on
summary: Keycloak, built for PostgreSQL
containers:
  keycloak:
    image:
      from: "oci:$layout:$tag"
      run:
        command: [/opt/keycloak/bin/kc.sh, build, --db=postgres, --health-enabled=true, --metrics-enabled=true]
        # Quarkus's own word for the times in its archives; Byte Buddy's for names that it would make up at random.
        env: {JAVA_OPTS_APPEND: "-Dquarkus.package.output-timestamp=2020-01-01T00:00:00Z -Dnet.bytebuddy.naming=fixed"}
      keep: [/opt/keycloak/lib/quarkus]
END_
for i in 1 2; do
    check "built with $i jobs" nice -n 19 "$build/tools/derived" site/sign-on.yaml "$scratch/$i" "$i" "$scratch/$i/out"
done
layer() { echo "$scratch/$1"/steps/derived-sign-on-keycloak-*/layer.tar; }
[ -e "$(layer 1)" ] || exit 0
same 'the same bytes' "$(sha256sum <"$(layer 1)")" "$(sha256sum <"$(layer 2)")"
same 'the layer has what Keycloak built, and no more' 'opt/
opt/keycloak/
opt/keycloak/lib/
opt/keycloak/lib/quarkus/
opt/keycloak/lib/quarkus/build-system.properties
opt/keycloak/lib/quarkus/generated-bytecode.jar
opt/keycloak/lib/quarkus/quarkus-application.dat
opt/keycloak/lib/quarkus/transformed-bytecode.jar' "$(tar -tf "$(layer 1)" | sort)"
same 'one layer more' $(($(skopeo inspect "oci:$layout:$tag" | jq '.Layers | length') + 1)) \
    "$(skopeo inspect "oci:$scratch/1/out/sign-on-keycloak:kiln" | jq '.Layers | length')"
