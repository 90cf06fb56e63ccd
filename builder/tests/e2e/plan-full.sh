#!/usr/bin/env bash
# The architecture as profiles/full.yaml has it: its 22 systems, who fulfils whose claims, and who may connect to whom; names and
# flows of the smaller edge whole. With KILN_UPDATE_GOLDEN set the expected output of those is written anew.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
cd "$repo" || exit 1

plan=$("$kiln" plan profiles/full.yaml --json)
listed() { tr -s ' ' '\n' <<<"$*" | sort; }
# Of what else it has, Mimir counts with Prometheus, and the rest is kiln's own or comes with the base.
same 'the 22 systems, and what comes with them' \
    "$(listed traefik oauth2-proxy keycloak postgres valkey silo mongodb couchdb kafka ksqldb ollama qdrant \
        grafana prometheus loki tempo alloy n8n sonarqube harbor terrakube mail \
        mimir alertmanager node-exporter page backup container os tools)" "$(jq -r '.services[].name' <<<"$plan" | sort)"
same 'in six layers' "$(listed edge data messaging ai observability devops)" \
    "$(jq -r '[.services[].layer | select(. != "base")] | unique[]' <<<"$plan" | sort)"

# absent LINES: those of standard input that are not among them
absent() { comm -13 <(sort -u <<<"$1") <(sort -u); }
edges=$(jq -r '.services[] | .name as $s | .claims[] | select(.provider) | "\($s) -> \(.provider): \(.kind)"' <<<"$plan")
same 'every edge: who fulfils what' '' "$(absent "$edges" <<'END'
traefik -> oauth2-proxy: gate
page -> traefik: home
oauth2-proxy -> traefik: route
oauth2-proxy -> keycloak: oidc-client
oauth2-proxy -> valkey: cache
keycloak -> traefik: route
keycloak -> postgres: database
grafana -> traefik: route
grafana -> keycloak: oidc-client
grafana -> postgres: database
grafana -> mimir: metrics-query
grafana -> loki: logs
grafana -> tempo: trace-query
grafana -> alertmanager: alerts
prometheus -> mimir: metrics-store
prometheus -> alertmanager: alerts
alertmanager -> mail: smtp
mimir -> silo: bucket
loki -> silo: bucket
tempo -> silo: bucket
tempo -> prometheus: metrics-write
alloy -> loki: logs
alloy -> tempo: trace-store
alloy -> prometheus: metrics-write
n8n -> traefik: route
n8n -> postgres: database
n8n -> valkey: cache
sonarqube -> traefik: route
sonarqube -> postgres: database
harbor -> traefik: route
harbor -> keycloak: oidc-client
harbor -> postgres: database
harbor -> silo: bucket
terrakube -> traefik: route
terrakube -> keycloak: oidc-client
terrakube -> postgres: database
terrakube -> silo: bucket
ksqldb -> kafka: topics
ollama -> traefik: route
postgres -> backup: backup
couchdb -> backup: backup
mongodb -> backup: backup
silo -> backup: backup
valkey -> backup: backup
qdrant -> backup: backup
END
)"
# One that is lost is noticed. Prometheus knows itself.
same 'all claim a scrape but these' "$(listed backup container kafka ksqldb ollama os prometheus qdrant tools valkey)" \
    "$(jq -r '.services[] | select([.claims[] | select(.kind == "scrape")] == []).name' <<<"$plan" | sort)"

flows=$("$kiln" plan profiles/full.yaml --flows | awk 'NR > 1 { print $1, $2, $3 }')
same 'every edge: who may connect where' '' "$(absent "$flows" <<'END'
traefik oauth2-proxy 4180/tcp
traefik keycloak 8080/tcp
traefik page 8080/tcp
traefik grafana 3000/tcp
traefik n8n 5678/tcp
traefik sonarqube 9000/tcp
traefik harbor 8443/tcp
traefik terrakube-ui 8443/tcp
traefik ollama 11434/tcp
oauth2-proxy valkey-1 6379/tcp
keycloak haproxy 5000/tcp
grafana haproxy 5000/tcp
grafana mimir 8080/tcp
grafana loki 3100/tcp
grafana tempo 3200/tcp
n8n haproxy 5000/tcp
n8n valkey-1 6379/tcp
n8n-worker-1 haproxy 5000/tcp
n8n-worker-1 valkey-1 6379/tcp
sonarqube haproxy 5000/tcp
END
)"
same 'and no more from the front door' "$(listed grafana harbor keycloak n8n oauth2-proxy ollama page sonarqube terrakube-{api,dex,registry,ui})" \
    "$(awk '$1 == "traefik" { print $2 }' <<<"$flows" | sort -u)"
same 'nobody reaches the databases past their door' 'etcd-1 haproxy' "$(awk '$2 == "patroni-1" { print $1 }' <<<"$flows" | sort -u | grep -vx prometheus | xargs)"

golden() { # NAME FILE ARG...
    local file=builder/tests/golden/plan/$2 got
    got=$("$kiln" plan profiles/edge.yaml "${@:3}")
    [ -z "${KILN_UPDATE_GOLDEN:-}" ] || printf '%s\n' "$got" >"$file"
    same "$1" "$(<"$file")" "$got"
}
golden 'edge: the names' edge.dns --dns
golden 'edge: the flows' edge.flows --flows
