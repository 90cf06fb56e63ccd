#!/usr/bin/env bash
# A route that asks for sign-on is never silently open: without a gate, or at a front door that cannot ask, nothing is planned.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

export KILN_DATA=$repo
mkdir -p "$scratch/overlays/devops/page"
page() { # PARAMETERS of its route, after host and port
    cat >"$scratch/overlays/devops/page/service.yaml" <<EOF
service: page
summary: A page
containers: {page: {image: {packages: [nginx-light]}, user: www-data, health: {tcp: 80}}}
claims:
  web: {route: {host: page, port: 80$1}}
EOF
}
profile() { # SERVICE...
    local IFS=,
    printf 'profile: site\nservices: [page,%s]\nmachine: {memory: 8G, disk: 16G}\n' "$*" >"$scratch/site.yaml"
}
at=overlays/devops/page/service.yaml:5:3
cd "$scratch" || exit
profile traefik
page ', sso: required'
refused 'traefik without a gate' 2 "kiln: error: $at: page.web: \`sso: required\`, and no service of this profile offers a gate; add oauth2-proxy" "$kiln" plan site.yaml
page ', group: /admins'
refused 'a group without sign-on' 2 "kiln: error: $at: page.web: \`group:\` without \`sso: required\` would keep nobody out" "$kiln" plan site.yaml
page ', open: [/x]'
refused 'open paths without sign-on' 2 "kiln: error: $at: page.web: \`open:\` without \`sso: required\`: every path is open" "$kiln" plan site.yaml
profile front
page ', sso: required'
refused 'the front door that cannot ask' 2 "kiln: error: $at: page.web: \`sso: required\`, which the front door 'front' cannot do; use traefik and oauth2-proxy" "$kiln" plan site.yaml
page ', sso: none'
check 'that front door with an open route' "$kiln" plan site.yaml
profile traefik oauth2-proxy keycloak postgres valkey
page ', sso: required, group: /admins, open: [/x]'
check 'a gate in the profile' "$kiln" plan site.yaml
same 'the gate is asked by the front door, and by nobody else' 'traefik' \
    "$("$kiln" plan site.yaml --flows | awk '$2 == "oauth2-proxy" {print $1}' | sort -u)"
same 'nobody but the front door reaches Keycloak' 'traefik 8080/tcp' \
    "$("$kiln" plan site.yaml --flows | awk '$2 == "keycloak" {print $1, $3}' | sort -u)"
