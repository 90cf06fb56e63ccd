#!/usr/bin/env bash
# The root of the domain behind the real Traefik, on loopback, with the routes that an appliance with a gate has: the page is
# open while no gate answers, behind the sign-on as soon as one does, and nobody can say himself who he is.
# level: check
#
# The program is of qemu-test/fixtures, the gate a stand-in: where Traefik cannot be had this is skipped with the reason.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

made=$(nice -n 19 "$repo/qemu-test/fixtures/make" traefik 2>/dev/null)
read -r _ state reason <<<"$made"
traefik=$(find "${KILN_FIXTURES:-$HOME/.cache/kiln-fixtures}/fetched" -path '*/scripts/traefik' -type f 2>/dev/null | head -n 1)
if [ "$state" != made ] || [ -z "$traefik" ]; then
    skip 'the root of the domain behind Traefik' "${reason:-Traefik could not be had}"
    exit
fi
install -m 755 "$traefik" "$scratch/traefik"
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
read -r secure inside gate page metrics <<<"$(python3 -c 'import socket
s = [socket.socket() for _ in range(5)]
for x in s: x.bind(("127.0.0.1", 0))
print(*(x.getsockname()[1] for x in s))')"

# The routes as they are rendered for builder/tests/golden/home/gate.yaml, with loopback in place of containers.
mkdir "$scratch/routes" "$scratch/published"
sed -n '/^==== traefik:.*routes.yml, rendered$/,/^==== links$/p' "$repo/builder/tests/golden/home/gate.txt" | grep -v '^====' |
    sed "s/\${fact:domain}/kiln.internal/g; s/oauth2-proxy:4180/127.0.0.1:$gate/; s/page:8080/127.0.0.1:$page/" >"$scratch/routes/routes.yml"
cat >"$scratch/traefik.yml" <<EOF
log: {level: ERROR, noColor: true}
entryPoints:
  secure: {address: "127.0.0.1:$secure", http: {aliasHeadersStrategy: delete, middlewares: [safe@file, again@file]}}
  inside: {address: "127.0.0.1:$inside"}
ping: {entryPoint: inside}
api: {dashboard: true}
providers: {file: {directory: $scratch/routes, watch: false}}
EOF
cat >"$scratch/gate.py" <<'EOF'
"""As much of a gate as Traefik asks for: a cookie says who it is."""
import http.server
import sys


class Gate(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        who = self.headers.get("Cookie", "").removeprefix("who=")
        if not self.path.startswith("/oauth2/auth"):
            self.send_response(302)
            self.send_header("Location", "https://auth.kiln.internal/")
        elif who:
            self.send_response(202)
            self.send_header("X-Auth-Request-User", "4711")
            self.send_header("X-Auth-Request-Preferred-Username", who)
            self.send_header("X-Auth-Request-Groups", "/users,/admins" if who == "owner" else "/users")
        else:
            self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Gate).serve_forever()
EOF
cp "$repo/builder/tests/golden/agent/page-status.json" "$scratch/published/status.json"
cp "$repo/builder/tests/golden/agent/page-logs.json" "$scratch/published/logs.json"
openssl req -x509 -newkey ed25519 -nodes -subj /CN=test -keyout "$scratch/key.pem" -out "$scratch/ca.crt" -days 2 2>"$scratch/openssl.txt"
"$build/kiln-agent" page --address 127.0.0.1 --port "$page" --metrics "$metrics" --from "$scratch/published" --ca "$scratch/ca.crt" --group /admins &
at_exit kill $!
"$scratch/traefik" --configFile="$scratch/traefik.yml" >"$scratch/traefik.log" 2>&1 &
at_exit kill $!
for port in "$inside" "$page"; do
    for _ in $(seq 150); do (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.2; done
done

get() { # PATH CURL-ARG...: status and where it leads to; the text is in $scratch/body
    local path=$1
    shift
    curl -s --max-time 10 --path-as-is -H 'Host: kiln.internal' -o "$scratch/body" -w '%{http_code} %{redirect_url}' "$@" "http://127.0.0.1:$secure$path" |
        sed 's/ $//'
}
says() { grep -oE 'Signed on as [a-z]+|psql: error|<h2 id="services"' "$scratch/body" | tr '\n' ' ' | sed 's/ $//'; }
forged=(-H 'X-Auth-Request-User: root' -H 'X-Auth-Request-Preferred-Username: root' -H 'X-Auth-Request-Groups: /admins' -H 'X_Auth_Request_Groups: /admins')

for _ in $(seq 100); do [ "$(get /)" != 200 ] || break; sleep 0.2; done
same 'Traefik takes the routes' '' "$(grep -F 'while parsing rule' "$scratch/traefik.log")"
same 'no gate answers: the page is there' 200 "$(get /)"
same 'in the name of nobody' '<h2 id="services"' "$(says)"
same 'whoever somebody says that he is' '200 <h2 id="services"' "$(get / "${forged[@]}") $(says)"
same 'so it is with a cookie' '200 <h2 id="services"' "$(get / -H 'Cookie: who=owner') $(says)"
same 'the certificate is there' "200 $(head -n 2 "$scratch/ca.crt" | tail -n 1)" "$(get /ca.crt) $(sed -n 2p "$scratch/body")"

python3 "$scratch/gate.py" "$gate" &
gate_pid=$!
at_exit eval "kill $gate_pid 2>/dev/null"
for _ in $(seq 100); do (: <"/dev/tcp/127.0.0.1/$gate") 2>/dev/null && break; sleep 0.1; done
to='302 https://auth.kiln.internal/'
same 'a gate answers: who has not signed on is sent there' "$to" "$(get /)"
same 'so is who says that he has' "$to" "$(get / "${forged[@]}")"
same 'the owner sees logs' '200 psql: error <h2 id="services" Signed on as owner' "$(get / -H 'Cookie: who=owner') $(says)"
same 'another user does not, whatever groups he says that he has' '200 <h2 id="services" Signed on as guest' "$(get / -H 'Cookie: who=guest' "${forged[@]}") $(says)"
same 'the certificate is open still' "200 $(sed -n 2p "$scratch/ca.crt")" "$(get /ca.crt) $(sed -n 2p "$scratch/body")"
for path in /status.json /sbom.spdx.json /ca.crt/ /ca.crt/../ /ca.crt/..%2f /ca.crt%00 '/ca.crt;/' /ca.crtx /x/ca.crt; do
    same "$path is not" yes "$(case $(get "$path") in "$to" | 400 | 404) echo yes ;; *) get "$path" ;; esac)"
done
same 'what is not there is not there' '404 no such page here' "$(get /nothing -H 'Cookie: who=owner') $(cat "$scratch/body")"
kill "$gate_pid"
wait "$gate_pid" 2>/dev/null
same 'the gate has gone: the page is open again, as nobody' '200 <h2 id="services"' "$(get / -H 'Cookie: who=owner') $(says)"
