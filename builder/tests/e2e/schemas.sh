#!/usr/bin/env bash
# What is generated for programs that no test can have, before schemas and parsers that can be had: what is asked of Qdrant before
# the models that its client has of its API, and the queries of Grafana's dashboards before a parser of PromQL, the roles of those who
# sign on there before JMESPath.
# level: full
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

# The golden file is what is generated: generated_test compares it.
golden=$repo/builder/tests/golden/upstream/generated.txt
version=$(sed -nE 's/^Image=docker.io\/qdrant\/qdrant:v([0-9.]+).*/\1/p' "$golden")
# Only what is read of the client: not the many packages that it would bring.
why=$( (python3 -m venv "$scratch/venv" && "$scratch/venv/bin/pip" install --quiet pydantic promql-parser pyyaml jmespath &&
    "$scratch/venv/bin/pip" install --quiet --no-deps --target "$scratch/client" "qdrant-client==$version") 2>&1) || {
    skip 'schemas' "qdrant-client $version, pydantic, promql-parser and jmespath cannot be had: $(tail -n 1 <<<"$why")"
    exit
}
while IFS=$'\t' read -r state what why; do
    case $state in ok) ok "$what" ;; *) not_ok "$what" "$why" ;; esac
done < <("$scratch/venv/bin/python" -B "$repo/builder/tests/e2e/schemas.py" "$repo" "$scratch/client" 2>&1)
