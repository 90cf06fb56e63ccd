#!/usr/bin/env bash
# The rules of the overlays before Prometheus' own promtool: they are rules, and each alert fires when it shall, after the time
# that it says, and not when it shall not (builder/tests/alerts).
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

# The host's, or the one that Prometheus' image has.
promtool=$(command -v promtool) || {
    cd "$scratch" || exit 1
    export KILN_DATA=$repo
    check 'promtool is fetched' "$kiln" fetch minimal --cache "$(test_cache)"
    promtool=$scratch/promtool
    dpkg-deb --fsys-tarfile "$(test_cache)/sha256/$(jq -r '.packages["promtool:amd64"].sha256' minimal.lock)" |
        tar -xO ./usr/bin/promtool >"$promtool" && chmod 755 "$promtool"
}

# A claimant's file is a list of groups: Prometheus reads them under one key.
mkdir "$scratch/rules"
cp "$repo/overlays/observability/prometheus/rules.yml" "$scratch/rules/prometheus.yml"
for file in "$repo"/overlays/*/*/alerts.yml; do
    service=$(basename "$(dirname "$file")")
    { echo groups: && cat "$file"; } >"$scratch/rules/$service.yml"
done
cp "$repo"/builder/tests/alerts/*.yaml "$scratch"
for file in "$scratch"/rules/*.yml; do check "${file##*/}: Prometheus takes its rules" "$promtool" check rules "$file"; done
echo 'groups: [{name: x, rules: [{alert: X, expr: "sum by (a (b)"}]}]' >"$scratch/wrong.yml"
# shellcheck disable=SC2016
check 'and would not take others' bash -c '! "$@"' - "$promtool" check rules "$scratch/wrong.yml"

# Whatever full has in containers is looked after: each service that is not healthy is named by an alert.
"$kiln" plan "$repo/profiles/full.yaml" --json >"$scratch/plan.json"
services=$(jq -r '.services[] | select(.containers | length > 0) | "\(.name) \(.layer)"' "$scratch/plan.json")
check 'there are services of six layers' [ "$(cut -d ' ' -f 2 <<<"$services" | sort -u | wc -l)" = 6 ]
{
    printf '%s\n' 'rule_files: [rules/page.yml]' 'tests:' '  - interval: 1m' '    input_series:' \
        "      - {series: 'kiln_been_ready{instance=\"page:9100\"}', values: 1x9}"
    while read -r service layer; do
        echo "      - {series: 'kiln_service_healthy{service=\"$service\",layer=\"$layer\",instance=\"page:9100\"}', values: 0x9}"
    done <<<"$services"
    printf '%s\n' '    alert_rule_test:' '      - eval_time: 8m' '        alertname: ServiceUnhealthy' '        exp_alerts:'
    while read -r service layer; do
        echo "          - exp_labels: {severity: critical, service: $service, layer: $layer, instance: \"page:9100\"}"
        echo "            exp_annotations: {summary: \"$service is not healthy: the appliance's page says why\"}"
    done <<<"$services"
} >"$scratch/every-service.yaml"
check 'every service of full is named by an alert' "$promtool" test rules "$scratch/every-service.yaml"
same 'its page has that rule, and says itself which service a sample is about' 'alert-rule true' "$(jq -r '
    [.services[] | select(.name == "page").claims[] | select(.kind == "alert-rule" or .kind == "scrape")]
    | sort_by(.kind) | "\(.[0].kind) \(.[1].params.own_labels)"' "$scratch/plan.json")"

# changed NAME ALERT FROM TO: with this change of the rule of an alert its cases do not hold: they look at it
changed() {
    awk -v alert="$2" -v from="$3" -v to="$4" '
        / - alert: / { mine = $NF == alert }
        mine && !done && sub(from, to) { done = 1 }
        { print }' "$rules" >"$scratch/changed"
    if [ "$(wc -l <"$rules")" != "$(wc -l <"$scratch/changed")" ] || cmp -s "$rules" "$scratch/changed"; then
        not_ok "$1" 'nothing to change'
        return
    fi
    cp "$scratch/changed" "$copy/rules/$service.yml"
    if "$promtool" test rules "$copy/$service.yaml" >/dev/null 2>&1; then not_ok "$1"; else ok "$1"; fi
    cp "$rules" "$copy/rules/$service.yml"
}
copy=$scratch/copy
mkdir "$copy"
cp -r "$scratch/rules" "$scratch"/*.yaml "$copy"
for rules in "$scratch"/rules/*.yml; do
    service=$(basename "$rules" .yml)
    [ -e "$scratch/$service.yaml" ] || { not_ok "$service: its alerts have cases" "no builder/tests/alerts/$service.yaml"; continue; }
    check "$service: its alerts fire when they shall" "$promtool" test rules "$scratch/$service.yaml"
    while read -r alert; do
        changed "$service: a case wants $alert to fire" "$alert" "alert: $alert" 'alert: Other'
        changed "$service: and not before its time" "$alert" 'for: .*' 'for: 0s'
    done < <(sed -nE 's/^ *- alert: //p' "$rules")
done
