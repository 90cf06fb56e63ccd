#!/usr/bin/env bash
# The root of the domain belongs to one service, at either front door; who reaches the page, and whom it reaches.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

export KILN_DATA=$repo
mkdir -p "$scratch/overlays/devops/start"
cat >"$scratch/overlays/devops/start/service.yaml" <<'EOF'
service: start
summary: Another page for the root
containers: {start: {image: {packages: [nginx-light]}, user: www-data, health: {tcp: 80}}}
claims:
  root: {home: {port: 80}}
EOF
profile() { # SERVICE...
    local IFS=,
    printf 'profile: site\nservices: [%s]\nmachine: {memory: 8G, disk: 16G}\n' "$*" >"$scratch/site.yaml"
}
cd "$scratch" || exit
for door in front traefik; do
    profile "$door" page
    check "the page behind $door" "$kiln" plan site.yaml
    same "only $door reaches it" "$door 8080/tcp" "$("$kiln" plan site.yaml --flows | awk '$2 == "page" {print $1, $3}')"
    same 'and it reaches nobody' '' "$("$kiln" plan site.yaml --flows | awk '$1 == "page"')"
    profile "$door" start
    check "another service at the root behind $door" "$kiln" plan site.yaml
    profile "$door" page start
    refused "two services at the root behind $door" 2 \
        "kiln: error: overlays/devops/start/service.yaml:5:3: path: '/' is what page.home has claimed of $door already" "$kiln" plan site.yaml
done
profile page
refused 'the page without a front door' 3 "kiln: error: $repo/overlays/edge/page/service.yaml:31:3: page.home claims 'home', and no service of this profile offers it
kiln: hint: add to \`services:\` of the profile: front, traefik" "$kiln" plan site.yaml
profile front page prometheus
same 'Prometheus reaches it, at the port inside' 'front 8080/tcp;prometheus 9100/tcp;' \
    "$("$kiln" plan site.yaml --flows | awk '$2 == "page" {printf "%s %s;", $1, $3}')"
