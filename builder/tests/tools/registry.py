#!/usr/bin/env python3
"""A registry that misbehaves as told, for tests.

registry.py LAYOUT CERT KEY USER:PASSWORD PORTS_FILE
    serves every tag of an OCI layout over TLS as any repository; tokens come from /token. PORTS_FILE gets three ports:
    the registry, a storage host for redirects (TLS as well, called localhost), and the same without TLS. That one is
    told what to do next by POST of JSON and answers with the requests so far, which it forgets:
    {"blobs": [FAULT, ...], "big": [...], "manifests": [...], "token": [...]} one per request (big: a blob of more than
    100000 bytes), "rate": bytes per second, "uses": how many requests a token is good for, "anonymous": tokens are for
    everybody who comes without a password, "open": no token is wanted
FAULTs: serve cut slow 429 500 short long wrong redirect redirect-plain loop empty
"""
import base64, hashlib, http.server, json, os, ssl, sys, threading, time, urllib.parse

lock = threading.Lock()
state = {"big": [], "blobs": [], "manifests": [], "token": [], "rate": 0, "uses": 1 << 30, "dialect": "", "anonymous": False,
         "open": False}
log, tokens = [], {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def note(self, status):
        auth = self.headers.get("Authorization")
        with lock:
            log.append({"host": self.server.name, "path": self.path.split("?")[0], "range": self.headers.get("Range"),
                        "auth": auth and auth.split()[0], "status": status})

    def answer(self, status, body=b"", headers=()):
        self.note(status)
        self.send_response(status)
        for k, v in headers:
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def fault(self, kind):
        with lock:
            return state[kind].pop(0) if state[kind] else "serve"

    def ranged(self, body, kind, fault):
        start = 0
        if (self.headers.get("Range") or "").startswith("bytes="):
            start = int(self.headers["Range"][6:].split("-")[0])
        data = body[start:]
        if fault == "wrong":
            data = bytes([data[0] ^ 1]) + data[1:]
        announced = len(data)
        if fault == "long":
            data, announced = data + b"x", announced + 1
        if fault == "short":
            data, announced = data[:-1], announced - 1
        self.note(206 if start else 200)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (start, start + announced - 1, start + announced))
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(announced))
        self.end_headers()
        if fault == "cut":
            data = data[: len(data) // 2]
        rate = 2000000 if fault == "slow" else state["rate"]
        step = max(1, rate // 20) if rate else len(data)
        for i in range(0, len(data), max(1, step)):
            self.wfile.write(data[i : i + step])
            if rate:
                time.sleep(step / rate)
        if fault == "cut":
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()

    def stored(self, digest):
        path = os.path.join(layout, "blobs", "sha256", digest[7:])
        if digest.startswith("sha256:") and len(digest) == 71 and os.path.exists(path):
            with open(path, "rb") as f:
                return f.read()
        return None

    def serve(self, kind, name):
        body = None
        if kind == "manifests" and not name.startswith("sha256:"):
            with open(os.path.join(layout, "index.json")) as f:
                for m in json.load(f)["manifests"]:
                    if m["annotations"]["org.opencontainers.image.ref.name"] == name:
                        body = self.stored(m["digest"])
        else:
            body = self.stored(name)
        if kind == "blobs" and body and len(body) > 100000:
            kind = "big"
        # A blob's faults are those of who sends its bytes.
        away = state["dialect"] == "ollama" and kind != "manifests"
        fault = self.fault(kind) if self.server.name == ("storage" if away else "registry") else "serve"
        host, plain = ports[1], ports[2]
        if away and self.server.name == "registry":
            self.answer(307, b"", [("Location", "https://localhost:%d%s" % (host, self.path))])
        elif fault == "429":
            self.answer(429, b"later", [("Retry-After", "1")])
        elif fault == "500":
            self.answer(500, b"oh no")
        elif fault == "empty":
            self.answer(200)
        elif fault == "redirect":
            self.answer(307, b"", [("Location", "https://localhost:%d%s" % (host, self.path))])
        elif fault == "redirect-plain":
            self.answer(307, b"", [("Location", "http://localhost:%d%s" % (plain, self.path))])
        elif fault == "loop":
            self.answer(307, b"", [("Location", self.path)])
            with lock:
                state[kind].insert(0, "loop")
        elif body is None:
            self.answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
        else:
            kinds = json.loads(body).get("mediaType", "") if kind == "manifests" else "application/octet-stream"
            if state["dialect"] == "ollama" and kind == "manifests":
                kinds = "text/plain; charset=utf-8"
            self.ranged(body, kinds, fault)

    def allowed(self):
        auth = self.headers.get("Authorization") or ""
        with lock:
            token = auth[7:] if auth.startswith("Bearer ") else ""
            left = tokens.get(token, 0)
            tokens[token] = left - 1
            return left > 0

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/token":
            want = "Basic " + base64.b64encode(user.encode()).decode()
            fault = self.fault("token")
            if fault != "serve":
                self.answer(200 if fault == "empty" else 500, b"{}")
            elif self.headers.get("Authorization") != (None if state["anonymous"] else want):
                self.answer(401)
            else:
                self.give_token()
            return
        parts = path.strip("/").split("/")
        free = state["open"] or state["dialect"] == "ollama"
        if self.server.name == "registry" and not free and not self.allowed():
            realm = 'Bearer realm="https://127.0.0.1:%d/token",service="test",scope="repository:other:push"' % ports[0]
            self.answer(401, b"", [("WWW-Authenticate", realm)])
        elif len(parts) >= 4 and parts[-2] in ("blobs", "manifests"):
            self.serve(parts[-2], parts[-1])
        else:
            self.answer(200)

    def give_token(self):
        token = hashlib.sha256(os.urandom(16)).hexdigest()
        with lock:
            tokens[token] = state["uses"]
        self.answer(200, json.dumps({"token": token}).encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/token":  # by a refresh token, which is the password here
            form = urllib.parse.parse_qs(body.decode())
            good = {"grant_type": ["refresh_token"], "service": ["test"], "refresh_token": [user.split(":")[1]],
                    "client_id": ["kiln"], "scope": ["repository:team/app:pull"]}
            self.give_token() if form == good else self.answer(401)
            return
        told = json.loads(body)
        with lock:
            state.update(told)
            if "uses" in told:
                tokens.clear()
            body = "".join(json.dumps(x) + "\n" for x in log).encode()
            log.clear()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


layout, cert, key, user, ports_file = sys.argv[1:]
ports = []
for name, tls in (("registry", True), ("storage", True), ("plain", False)):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # clients that go away are what this is for
    server.name, server.daemon_threads = name, True
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    ports.append(server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
with open(ports_file + ".tmp", "w") as f:
    f.write("%d %d %d\n" % tuple(ports))
os.rename(ports_file + ".tmp", ports_file)
threading.Event().wait()
