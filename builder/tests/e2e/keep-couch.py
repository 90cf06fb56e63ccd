#!/usr/bin/env python3
"""A stand-in for CouchDB as far as replication goes: databases with their rights and limits, documents by their leaf revisions
with history and attachments. What it was asked is in DIR/log, METHOD PATH, with * for names of databases.

keep-couch.py serve DIR      prints its port; begins with DIR/state, writes it again after every change
keep-couch.py state DIR      what it has, in one order, for people
keep-couch.py fill DIR       something of every kind into DIR/state
keep-couch.py spoil DIR      and what is lost or changed of it

DIR/fault makes it fail, where there is one: "METHOD PATH cut" (as in the log) sends half of what it answers and hangs up,
"METHOD PATH 500" says so, "METHOD PATH once" hangs up before it answers, once; "POST /*/_bulk_get error" reads no document.
"""
import base64
import http.server
import json
import os
import sys
import urllib.parse

WANTED = "Basic " + base64.b64encode(b"admin:secret").decode()
CHANGES = 3  # so many rows at once, whatever is asked for: there is more than one batch


def load(directory):
    with open(os.path.join(directory, "state"), encoding="utf-8") as file:
        return json.load(file)


def store(directory, state):
    with open(os.path.join(directory, "state"), "w", encoding="utf-8") as file:
        json.dump(state, file, sort_keys=True)


def revisions(*names):
    """As a document has them, the newest first."""
    return {"start": len(names), "ids": list(names)}


def document(name, history, **more):
    return dict({"_id": name, "_rev": f"{len(history)}-{history[0]}", "_revisions": revisions(*history)}, **more)


def database(leaves, **more):
    return dict({"security": {"admins": {"names": ["app"]}, "members": {"names": ["app"]}}, "revs_limit": 1000, "q": 2, "partitioned": False,
                 "leaves": leaves}, **more)


def fill(directory):
    picture = {"content_type": "image/png", "revpos": 1, "digest": "md5-x", "data": base64.b64encode(bytes(range(256)) * 40).decode()}
    many = [document(f"n{i:03}", ["b", "a"], count=i) for i in range(25)]
    store(directory, {
        "_users": database([document("org.couchdb.user:app", ["a"], password="old")]),
        "notes": database(many + [
            # Two leaves of one document: a conflict. One that is deleted, whose revision has to be told as well.
            document("both", ["left", "root"], side="left"), document("both", ["right", "root"], side="right"),
            document("gone", ["del", "b", "a"], _deleted=True),
            document("picture", ["p"], _attachments={"a.png": picture}),
            # It would not take the one before it today.
            document("old", ["o"], broken=True),
            document("_design/app", ["d"], views={"all": {"map": "function (doc) { emit(doc._id); }"}},
                     validate_doc_update="function (doc) { if (doc.broken) throw({forbidden: 'broken'}); }"),
            document("naïve/名 +%", ["u"], text="ünïcode\n\"quoted\"")], revs_limit=5),
        "a/b+c": database([document("room:1", ["a"], here=True)], partitioned=True, q=4),
        "empty": database([])})


def spoil(directory):
    state = load(directory)
    del state["empty"]
    state["notes"]["leaves"] = [document("n001", ["later", "b", "a"], count=99), document("new", ["x"])]
    state["notes"]["security"] = {}
    state["a/b+c"]["leaves"] = []
    state["later"] = database([document("x", ["x"])])
    state["_users"]["leaves"][0]["password"] = "new"
    store(directory, state)


def show(directory):
    for name, base in sorted(load(directory).items()):
        print(name, json.dumps({k: v for k, v in base.items() if k != "leaves"}, sort_keys=True))
        for leaf in sorted(base["leaves"], key=lambda d: (d["_id"], d["_rev"])):
            print(" ", json.dumps(leaf, sort_keys=True))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    directory = ""

    def answer(self, status, body):
        data = json.dumps(body).encode()
        cut = self.fault == "cut"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:len(data) // 2] if cut else data)
        self.close_connection = self.close_connection or cut

    def trouble(self, call):
        fault = os.path.join(self.directory, "fault")
        if not os.path.exists(fault):
            return ""
        with open(fault, encoding="utf-8") as file:
            text = file.read().strip()
        if not text.startswith(call + " "):
            return ""
        if text.endswith(" once"):
            os.remove(fault)
        return text[len(call) + 1:]

    def handle_one(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        parts = [urllib.parse.unquote(part) for part in url.path.split("/")[1:]]
        special = parts[0] == "_all_dbs"
        call = f"{self.command} /{'/'.join(parts if special else ['*'] + parts[1:])}"
        with open(os.path.join(self.directory, "log"), "a", encoding="utf-8") as log:
            print(call, file=log)
        size = int(self.headers.get("Content-Length", "0"))
        body = json.loads(self.rfile.read(size)) if size else None
        self.fault = self.trouble(call)
        if self.fault == "once":
            self.close_connection = True
            return
        if self.headers.get("Authorization") != WANTED:
            self.answer(401, {"error": "unauthorized", "reason": "Name or password is incorrect."})
        elif self.fault == "500":
            self.answer(500, {"error": "unknown_error", "reason": "stand-in"})
        else:
            state = load(self.directory)
            self.answer(*self.do(call, state, parts[0], query, body))
            if self.command in ("PUT", "DELETE") or call.endswith("_bulk_docs"):
                store(self.directory, state)

    def do(self, call, state, name, query, body):
        if call == "GET /_all_dbs":
            return 200, sorted(state)
        if call == "PUT /*":
            if name in state:
                return 412, {"error": "file_exists", "reason": "The database could not be created, the file already exists."}
            state[name] = database([], security={}, q=int(query.get("q", "2")), partitioned=query.get("partitioned") == "true")
            return 201, {"ok": True}
        base = state.get(name)
        if base is None:
            return 404, {"error": "not_found", "reason": "Database does not exist."}
        if call == "DELETE /*":
            del state[name]
            return 200, {"ok": True}
        if call == "GET /*":
            return 200, {"db_name": name, "props": {"partitioned": True} if base["partitioned"] else {}, "cluster": {"q": base["q"], "n": 1}}
        for key in ("security", "revs_limit"):
            if call == f"GET /*/_{key}":
                return 200, base[key]
            if call == f"PUT /*/_{key}":
                base[key] = body
                return 200, {"ok": True}
        leaves = base["leaves"]
        if call == "GET /*/_changes":
            names = sorted({leaf["_id"] for leaf in leaves})
            since = int(query["since"].split("-")[0])
            rows = [{"seq": f"{i + 1}-opaque", "id": one, "changes": [{"rev": d["_rev"]} for d in leaves if d["_id"] == one]}
                    for i, one in enumerate(names)][since:][:min(CHANGES, int(query["limit"]))]
            if query["style"] != "all_docs":
                rows = [dict(row, changes=row["changes"][:1]) for row in rows]
            return 200, {"results": rows, "last_seq": rows[-1]["seq"] if rows else f"{since}-opaque", "pending": 0}
        if call == "POST /*/_bulk_get":
            found = []
            for want in body["docs"]:
                if self.fault == "error":
                    found.append({"id": want["id"], "docs": [{"error": {**want, "error": "internal_fabric_error", "reason": "stand-in"}}]})
                    continue
                leaf = next(d for d in leaves if (d["_id"], d["_rev"]) == (want["id"], want["rev"]))
                if query.get("revs") != "true":
                    leaf = {k: v for k, v in leaf.items() if k != "_revisions"}
                if query.get("attachments") != "true" and "_attachments" in leaf:
                    leaf = dict(leaf, _attachments={n: dict({k: v for k, v in a.items() if k != "data"}, stub=True) for n, a in leaf["_attachments"].items()})
                found.append({"id": want["id"], "docs": [{"ok": leaf}]})
            return 200, {"results": found}
        if call == "POST /*/_bulk_docs":
            refused = []
            for one in body["docs"]:
                if body.get("new_edits") is not False or "_revisions" not in one:
                    refused.append({"id": one["_id"], "error": "conflict", "reason": "Document update conflict."})
                elif one["_id"] == "forbidden" or (one.get("broken") and any("validate_doc_update" in leaf for leaf in leaves)):
                    refused.append({"id": one["_id"], "rev": one["_rev"], "error": "forbidden", "reason": "stand-in"})
                elif one not in leaves:
                    leaves.append(one)
            return 201, refused
        return 404, {"error": "not_found", "reason": "missing"}

    do_GET = do_POST = do_PUT = do_DELETE = lambda self: self.handle_one()

    def log_message(self, *_):
        pass


def serve(directory):
    Handler.directory = directory
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


{"serve": serve, "state": show, "fill": fill, "spoil": spoil}[sys.argv[1]](sys.argv[2])
