#!/usr/bin/env bash
# The appliance's page over HTTP, from the real program on loopback: what the machine publishes is shown, by path and method
# and nothing else; who has not signed on sees no log; values stay text; no secret is anywhere.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

command -v curl >/dev/null || {
    skip 'the page over HTTP' 'needs curl'
    exit
}
agent=$build/kiln-agent
secret=5ec7e7c0ffee5ec7e7c0ffee
mkdir -p "$scratch"/{state/secrets/web,run/provision,run/problems,published}
printf '%s' "$secret" >"$scratch/state/secrets/web/password"
cat >"$scratch/machine.json" <<'JSON'
{"kiln": 1, "name": "t&<i>", "version": "7", "epoch": 1763900000, "domain": "kiln.internal",
 "network": {"name": "kiln", "bridge": "kiln0", "subnet": "127.0.0.0/24"},
 "secrets": [{"id": "web/password", "bytes": 12, "encoding": "hex"}],
 "links": [{"service": "web", "claim": "site", "url": "https://web.${fact:domain}"}],
 "services": [{"name": "web", "layer": "edge", "summary": "A <b>bold</b> service", "containers": ["web"]}],
 "provision": [{"id": "web.db", "service": "web", "title": "a database", "steps": []}],
 "containers": [{"name": "web", "service": "web", "unit": "web.service", "address": 20, "image": "localhost/kiln/web:kiln", "health": {"kind": "none"}}]}
JSON
cat >"$scratch/run/provision/web.db.json" <<JSON
{"id": "web.db", "state": "failed", "step": "make it", "answer": "psql: <script>alert(1)</script> $secret", "steps": []}
JSON
cat >"$scratch/run/problems/render.json" <<JSON
{"what": "render", "why": "first line $secret\nsecond line"}
JSON

# The machine's side: as root would write it, for whoever may enter the directory.
"$agent" --machine "$scratch/machine.json" --state "$scratch/state" --run "$scratch/run" status --publish "$scratch/published" &
publisher=$!
at_exit kill "$publisher"
for _ in $(seq 100); do [ ! -e "$scratch/published/logs.json" ] || break; sleep 0.1; done
check 'the status is published' [ -s "$scratch/published/status.json" ]
check 'and the logs' [ -s "$scratch/published/logs.json" ]
same 'for who may enter the directory' '644 644' "$(cd "$scratch/published" && stat -c %a status.json logs.json | tr '\n' ' ' | sed 's/ $//')"
same 'no secret is in either' '' "$(grep -rlF "$secret" "$scratch/published")"
same 'the status has the first line of a problem' 'first line ***' "$(jq -r '.problems[0].why' "$scratch/published/status.json")"
same 'and no answer of a step' 'null' "$(jq -c '[.provision[].answer] | first' "$scratch/published/status.json")"
same 'the logs have both' 'first line ***,second line;psql: <script>alert(1)</script> ***' \
    "$(jq -r '(.problems[0].why | sub("\n"; ",")) + ";" + .provision[0].answer' "$scratch/published/logs.json")"

# Root mistypes a word: that is no problem of the machine.
said=$("$agent" --machine "$scratch/machine.json" --state "$scratch/state" --run "$scratch/run" render wbe 2>&1)
same 'a container that there is not' 'kiln-agent: no container "wbe"' "${said%%$'\n'*}"
same 'is no problem of the machine' 'render.json' "$(ls "$scratch/run/problems")"
# Nothing that a service says moves the cursor of who reads it.
printf '{"what": "odd", "why": "\\u001b[2J\\u001b]0;own\\u0007kiln: ready"}' >"$scratch/run/problems/odd.json"
"$agent" --machine "$scratch/machine.json" --state "$scratch/state" --run "$scratch/run" status >"$scratch/said"
check 'the text of a service is shown' grep -q 'problem: odd:' "$scratch/said"
"$agent" --machine "$scratch/machine.json" --state "$scratch/state" --run "$scratch/run" ready --check >>"$scratch/said" 2>&1
same 'and nothing of it is for a terminal' 0 "$(grep -c $'[\x1b\x07]' "$scratch/said")"
timeout 2 "$agent" --machine "$scratch/machine.json" --state "$scratch/state" --run "$scratch/run" status --follow >"$scratch/said"
check 'the console says why it is not ready' grep -q 'kiln: degraded: .*; odd: ' "$scratch/said"
rm "$scratch/run/problems/odd.json"
timeout 2 "$agent" --machine "$scratch/machine.json" --state "$scratch/state" --run "$scratch/run" status --follow >>"$scratch/said"
same 'without anything for a terminal' 0 "$(grep -c $'[\x1b\x07]' "$scratch/said")"
check 'and without secrets' grep -q 'render: first line \*\*\*' "$scratch/said"

# free_ports N: ports of loopback that nobody uses
free_ports() {
    python3 -c 'import socket, sys
s = [socket.socket() for _ in range(int(sys.argv[1]))]
for x in s: x.bind(("127.0.0.1", 0))
print(*(x.getsockname()[1] for x in s))' "$1"
}
read -r port inside <<<"$(free_ports 2)"
openssl req -x509 -newkey ed25519 -nodes -subj /CN=test -keyout "$scratch/key.pem" -out "$scratch/ca.crt" -days 2 2>"$scratch/openssl.txt"
start() { # ARG...: the page, until it answers
    "$agent" --machine /nowhere page --address 127.0.0.1 --port "$port" --metrics "$inside" --from "$scratch/published" \
        --ca "$scratch/ca.crt" --sbom "$scratch/sbom.spdx.json" "$@" 2>"$scratch/page.txt" &
    page=$!
    for _ in $(seq 100); do curl -sf -o "$scratch/health" "http://127.0.0.1:$port/healthz" && return; sleep 0.1; done
    return 1
}
cp "$repo/builder/tests/golden/sbom/small.spdx.json" "$scratch/sbom.spdx.json"
start --group /admins || not_ok 'the page answers' "$(cat "$scratch/page.txt")"
at_exit eval "kill $page 2>/dev/null"

get() { # PATH CURL-ARG...: the body
    local path=$1
    shift
    curl -s --max-time 10 --path-as-is "$@" "http://127.0.0.1:$port$path"
}
code() { # PATH CURL-ARG...
    get "$@" -o "$scratch/body" -w '%{http_code}'
}
has() { # NAME TEXT
    if grep -qF -- "$2" "$scratch/page.html"; then ok "$1"; else not_ok "$1" "$(head -c 3000 "$scratch/page.html")"; fi
}
has_not() { # NAME TEXT
    if grep -qF -- "$2" "$scratch/page.html"; then not_ok "$1" "$(grep -F -- "$2" "$scratch/page.html" | head -c 2000)"; else ok "$1"; fi
}
same 'it needs nothing of the machine but the two directories' ok "$(cat "$scratch/health")"

get / >"$scratch/page.html"
has 'the name is text' '<h1>t&amp;&lt;i&gt;</h1>'
has 'so is a summary' 'A &lt;b&gt;bold&lt;/b&gt; service'
has 'the state, and what is waited for' 'waiting for web'
has 'a step that fails' '<span class="failed">failed</span>'
has 'a problem, by its first line' 'first line ***'
has 'a link to a site' 'href="https://web.kiln.internal"'
has 'where to get the certificate' 'href="/ca.crt"'
has 'where to get what all is made of' 'href="/sbom.spdx.json"'
has 'the kernel' "<dt>Kernel</dt><dd>$(uname -r)</dd>"
has 'memory' '<dt>Memory</dt>'
has 'space on the disk' '<dt>Disk</dt>'
has 'an image of a container' 'localhost/kiln/web:kiln'
has 'without script it comes again by itself' '<noscript><meta http-equiv="refresh" content="10"></noscript>'
has_not 'no log for who has not signed on' 'psql'
has_not 'nor more than the first line' 'second line'
has_not 'nothing from elsewhere' 'src='
same 'one script, one style' '1 1' "$(grep -o '<script' "$scratch/page.html" | wc -l) $(grep -o '<style' "$scratch/page.html" | wc -l)"

user=(-H 'X-Auth-Request-User: 4711' -H 'X-Auth-Request-Preferred-Username: <owner>')
get / "${user[@]}" -H 'X-Auth-Request-Groups: /users,/admins' >"$scratch/page.html"
has 'who has signed on, and is in the group, sees the answer of a failed step' 'psql: &lt;script&gt;alert(1)&lt;/script&gt; ***'
has 'and the whole problem' 'second line'
has 'and who it is, as text' 'Signed on as &lt;owner&gt;.'
get / "${user[@]}" -H 'X-Auth-Request-Groups: /users,/admins2' >"$scratch/page.html"
has 'who is in another group is known' 'Signed on as'
has_not 'and sees no log' 'psql'
get / -H 'X-Auth-Request-Groups: /admins' >"$scratch/page.html"
has_not 'a group without a user is nobody' 'psql'
get / -H 'X-Auth-Request-User;' -H 'X-Auth-Request-Groups: /admins' >"$scratch/page.html"
has_not 'nor is an empty name anybody' 'psql'

# By path and method.
same 'HEAD has the length of GET, and no body' "$(get / | wc -c)" "$(get / -I | tr -d '\r' | sed -n 's/^Content-Length: //p')"
for method in POST PUT DELETE OPTIONS TRACE PATCH BREW; do
    same "$method is refused" '405 only GET and HEAD' "$(code / -X "$method") $(cat "$scratch/body")"
done
same 'and it is said what is not' 'GET, HEAD' "$(get / -X POST -D - -o "$scratch/body" | tr -d '\r' | sed -n 's/^Allow: //p')"
# Not the whole body: who is answered while he still sends may lose the answer with the connection.
same 'a body is not waited for' 'HTTP/1.1 405' \
    "$(printf 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\nbegun' | timeout 10 curl -s --max-time 5 "telnet://127.0.0.1:$port" | head -c 12)"
for path in /nothing // /./ /../ /../../etc/passwd /..%2f..%2fetc/passwd /%2e%2e/ /ca.crt/ /ca.crt%00 /%63a.crt /logs.json /published/logs.json '/\..\logs.json' /metrics /status.json/..; do
    same "$path is no page" '404 no such page here' "$(code "$path") $(cat "$scratch/body")"
done
same 'a query changes nothing' 200 "$(code '/?<script>=%00&x=../../logs.json')"
same 'a request that is none is refused' 'HTTP/1.1 400' "$(printf 'GET / HTTP/1.1\r\nHost: x\r\nno header\r\n\r\n' | timeout 10 curl -s --max-time 5 "telnet://127.0.0.1:$port" | head -c 12)"
same 'so is a header larger than all that is taken' 431 "$(code / -H "X-Long: $(head -c 60000 /dev/zero | tr '\0' x)")"

# Headers.
get / -D "$scratch/headers" -o "$scratch/page.html"
header() { tr -d '\r' <"$scratch/headers" | sed -n "s/^$1: //p"; }
hash_of() { # ELEMENT: of its text, as a browser compares it
    python3 -c 'import base64, hashlib, re, sys
text = open(sys.argv[1]).read()
print(base64.b64encode(hashlib.sha256(re.search("<%s>(.*?)</%s>" % (sys.argv[2], sys.argv[2]), text, re.S)[1].encode()).digest()).decode())' "$scratch/page.html" "$1"
}
same 'the policy: its own style and script, and nothing else' \
    "default-src 'none'; style-src 'sha256-$(hash_of style)'; script-src 'sha256-$(hash_of script)'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" \
    "$(header Content-Security-Policy)"
same 'its type' 'text/html; charset=utf-8' "$(header Content-Type)"
same 'is not guessed' nosniff "$(header X-Content-Type-Options)"
same 'nobody keeps it' no-store "$(header Cache-Control)"
same 'nobody frames it' DENY "$(header X-Frame-Options)"
same 'nobody learns where people come from' no-referrer "$(header Referrer-Policy)"
same 'no cookie' '' "$(header Set-Cookie)"
same 'no word about the server' '' "$(header Server)"

# The other pages.
same 'the status for programs' 't&<i>' "$(get /status.json | jq -r .name)"
same 'its age is that of one that is new' true "$(get /status.json | jq '.age_ms | . >= 0 and . < 20000')"
same 'has no log either' 'null' "$(get /status.json "${user[@]}" | jq -c '[.provision[].answer] | first')"
same 'the certificate, as it is' "$(cat "$scratch/ca.crt")" "$(get /ca.crt)"
get /ca.crt -D "$scratch/headers" -o "$scratch/body"
same 'is a file to keep' 'attachment; filename="kiln-ca.crt"' "$(header Content-Disposition)"
get /sbom.spdx.json -D "$scratch/headers" -o "$scratch/body"
check 'the SBOM, to the byte' cmp "$scratch/sbom.spdx.json" "$scratch/body"
same 'which programs can read' 'SPDX-2.3 small 24' "$(jq -r '"\(.spdxVersion) \(.name) \(.packages | length)"' "$scratch/body")"
same 'its type' application/spdx+json "$(header Content-Type)"
same 'is a file to keep' 'attachment; filename="sbom.spdx.json"' "$(header Content-Disposition)"
same 'HEAD has its length' "$(stat -c %s "$scratch/sbom.spdx.json")" "$(get /sbom.spdx.json -I | tr -d '\r' | sed -n 's/^Content-Length: //p')"
rm "$scratch/sbom.spdx.json"
same 'without one it says so' '404 this image has no SBOM' "$(code /sbom.spdx.json) $(cat "$scratch/body")"
cat "$scratch/key.pem" >>"$scratch/ca.crt"
same 'a key in it is not given away' '503 there is no certificate yet' "$(code /ca.crt) $(cat "$scratch/body")"
rm "$scratch/ca.crt"
same 'without one it says so' '503 there is no certificate yet' "$(code /ca.crt) $(cat "$scratch/body")"
curl -s "http://127.0.0.1:$inside/metrics" >"$scratch/metrics"
same 'metrics, at the port inside' '1' "$(grep -cx 'kiln_service_healthy{layer="edge",service="web"} 0' "$scratch/metrics")"
same 'as Prometheus wants them' '' "$(grep -vE '^(# (HELP|TYPE) kiln_[a-z_]+ .+|kiln_[a-z_]+(\{([a-z]+="([^"\\]|\\.)*",?)+\})? -?[0-9.]+)$' "$scratch/metrics")"
same 'which has nothing else' 404 "$(curl -s -o "$scratch/body" -w '%{http_code}' "http://127.0.0.1:$inside/")"
same 'no secret was served' '' "$(grep -lF "$secret" "$scratch/page.html" "$scratch/metrics" "$scratch/body")"

# What it knows ends.
kill -STOP "$publisher"
jq -c '.published_ms -= 60000' "$scratch/published/status.json" >"$scratch/old" && mv "$scratch/old" "$scratch/published/status.json"
get / >"$scratch/page.html"
has 'a status that is old is called so' 'This is how it was 6'
same 'programs are told its age, which a clock of this machine is no help for' true "$(get /status.json | jq '.age_ms >= 60000 and .age_ms < 120000')"
rm "$scratch/published/status.json"
same 'without one there is none for programs' '404 the machine has not yet said how it is' "$(code /status.json) $(cat "$scratch/body")"
get / >"$scratch/page.html"
has 'without one it says that' 'The machine has not yet said how it is.'
same 'and so do the metrics' 'kiln_status_published 0' "$(curl -s "http://127.0.0.1:$inside/metrics" | grep -v '^#')"
echo '{"broken' >"$scratch/published/status.json"
same 'a broken one is none' 200 "$(code /)"
kill -CONT "$publisher"
check 'the next one is shown at once' bash -c "for _ in \$(seq 100); do curl -s 'http://127.0.0.1:$port/' | grep -q 'waiting for web' && exit; sleep 0.2; done; exit 1"
kill "$page"
wait "$page"
same 'it ends when it is told to' 0 $?

# The command line.
usage='kiln-agent: hint: page [--port N] [--metrics N] [--address IP] [--from DIR] [--ca FILE] [--sbom FILE] [--group NAME]'
refused 'an option that there is not' 1 "kiln-agent: page: unknown option --all
$usage" "$agent" page --all
refused 'a port that is none' 1 "kiln-agent: page: --port: \"70000\" is no port
$usage" "$agent" page --port 70000
refused 'two ports that are one' 1 "kiln-agent: page: --port and --metrics are the same
$usage" "$agent" page --port 81 --metrics 81
refused 'an option without a value' 1 "kiln-agent: page: --group: no value
$usage" "$agent" page --group
refused 'an address that is none' 1 'kiln-agent: page: --address: "all" is no IPv4 address
kiln-agent: hint: 0.0.0.0, all that this machine has, is what it takes without the option' "$agent" page --address all
