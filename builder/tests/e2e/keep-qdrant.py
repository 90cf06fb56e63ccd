#!/usr/bin/env python3
"""A stand-in for Qdrant as far as its snapshots go, over TLS. Its collections are files of DIR/collections, and so are its
snapshots, in DIR/snapshots; DIR/vectors says of some what their vectors are. What it was asked is in DIR/log, METHOD PATH, with * for names of collections and snapshots.

keep-qdrant.py DIR CERTIFICATE KEY     prints its port

DIR/fault makes it fail, where there is one: "METHOD PATH cut" (as in the log) sends half of what it answers and hangs up,
"METHOD PATH 500" says so.
"""
import hashlib
import http.server
import json
import os
import re
import ssl
import sys
import urllib.parse

DIR, CERTIFICATE, KEY = sys.argv[1:]
WANTED = "the-key"


def path_of(kind, name):
    return os.path.join(DIR, kind, urllib.parse.quote(name, safe=""))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        cut = self.fault == "cut"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:len(data) // 2] if cut else data)
        self.close_connection = self.close_connection or cut

    def result(self, what):
        self.answer(200, {"result": what, "status": "ok", "time": 0.0})

    def refuse(self, status, text):
        self.close_connection = True
        self.answer(status, {"status": {"error": text}, "time": 0.0})

    def body(self):
        """What is announced, and no less."""
        size = int(self.headers.get("Content-Length", "0"))
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionError("a request that was cut")
        return data

    def handle_one(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        parts = [urllib.parse.unquote(part) for part in url.path.split("/")[1:]]
        known = ["/".join([""] + [part if i % 2 == 0 or part == "upload" else "*" for i, part in enumerate(parts)])]
        call = f"{self.command} {known[0]}"
        with open(os.path.join(DIR, "log"), "a", encoding="utf-8") as log:
            print(call, file=log)
        fault = os.path.join(DIR, "fault")
        self.fault = ""
        if os.path.exists(fault):
            with open(fault, encoding="utf-8") as file:
                text = file.read().strip()
            if text.startswith(call + " "):
                self.fault = text[len(call) + 1:]
        # Before anything is refused: an answer to a request that is still being sent may be lost.
        data = self.body()
        if self.headers.get("api-key") != WANTED:
            return self.refuse(401, "Must provide an API key or an Authorization bearer token")
        if self.fault == "500":
            return self.refuse(500, "Service internal error")
        name = parts[1] if len(parts) > 1 else ""
        if call == "GET /collections":
            return self.result({"collections": [{"name": urllib.parse.unquote(n)} for n in os.listdir(os.path.join(DIR, "collections"))]})
        if call == "GET /collections/*" and os.path.exists(path_of("vectors", name)):
            return self.result({"status": "green", "config": {"params": {"vectors": json.loads(read(path_of("vectors", name)))}}})
        if call == "POST /collections/*/snapshots":
            made = b"snapshot of " + name.encode() + b"\n" + read(path_of("collections", name))
            snapshot = f"{name}-{hashlib.sha256(made).hexdigest()[:8]}.snapshot"
            write(path_of(f"snapshots/{urllib.parse.quote(name, safe='')}", snapshot), made)
            return self.result({"name": snapshot, "creation_time": "2026-01-01T00:00:00", "size": len(made), "checksum": hashlib.sha256(made).hexdigest()})
        if call == "POST /collections/*/snapshots/upload":
            boundary = re.search('boundary="?([^";]+)', self.headers["Content-Type"])[1].encode()
            head, _, rest = data.partition(b"\r\n\r\n")
            content, end, after = rest.rpartition(b"\r\n--" + boundary + b"--\r\n")
            first = b"snapshot of " + name.encode() + b"\n"
            if not end or after or b'name="snapshot"' not in head or not head.startswith(b"--" + boundary + b"\r\n"):
                return self.refuse(400, "no form with one part named snapshot")
            if not content.startswith(first) or query != {"priority": "snapshot", "wait": "true"}:
                return self.refuse(400, "no snapshot of that collection")
            write(path_of("collections", name), content[len(first):])
            write(path_of(f"snapshots/{urllib.parse.quote(name, safe='')}", re.search(b'filename="([^"/]+)"', head)[1].decode()), content)
            return self.result(True)
        there = path_of(f"snapshots/{urllib.parse.quote(name, safe='')}", parts[-1])
        if call == "GET /collections/*/snapshots/*" and os.path.exists(there):
            return self.answer(200, read(there), "application/octet-stream")
        if call == "DELETE /collections/*/snapshots/*" and os.path.exists(there):
            os.remove(there)
            return self.result(True)
        return self.refuse(404, "Not found")

    do_GET = do_POST = do_PUT = do_DELETE = lambda self: self.handle_one()

    def log_message(self, *_):
        pass


def main():
    os.makedirs(os.path.join(DIR, "collections"), exist_ok=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    server.serve_forever()


main()
