#!/usr/bin/env python3
"""What keep-s3.sh needs of an S3 client; requests are made as a claimant makes them (qemu-test/overlays/data/depot/check-bucket).

keep-s3.py account ACCESS SECRET       a user, at versitygw's port for that
keep-s3.py disown ACCESS               and no longer
keep-s3.py fill                        buckets with objects of all kinds
keep-s3.py state                       all that S3 tells of them, a line each
keep-s3.py spoil                       loses, replaces and adds objects
keep-s3.py write COUNT                 replaces two objects so often
"""
import hashlib
import html
import importlib.machinery
import importlib.util
import os
import re
import sys
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
LOADER = importlib.machinery.SourceFileLoader("bucket", HERE + "/../../../qemu-test/overlays/data/depot/check-bucket")
sys.dont_write_bytecode = True
bucket = importlib.util.module_from_spec(importlib.util.spec_from_loader("bucket", LOADER))
LOADER.exec_module(bucket)
want, ask, tags = bucket.want, bucket.ask, bucket.tags
PLAIN, VERSIONED = "plain", "versioned"


def put(path, body, **headers):
    return want("put " + path, ask("PUT", path, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()}))


def account(access, secret=None):
    admin = urllib.parse.urlsplit(os.environ["S3_ADMIN"])
    s3, bucket.URL = bucket.URL, admin
    if secret:
        body = f"<Account><Access>{access}</Access><Secret>{secret}</Secret><Role>user</Role></Account>"
        want("user", ask("PATCH", "/create-user", body=body.encode()), 201)
    else:
        want("no user", ask("PATCH", "/delete-user", {"access": access}))
    bucket.URL = s3


def own(name, access):
    s3, bucket.URL = bucket.URL, urllib.parse.urlsplit(os.environ["S3_ADMIN"])
    want("owner", ask("PATCH", "/change-bucket-owner", {"bucket": name, "owner": access}))
    bucket.URL = s3


def fill():
    for name in (PLAIN, VERSIONED):
        want("bucket", ask("PUT", f"/{name}"))
    want("versioning", ask("PUT", f"/{VERSIONED}", {"versioning": ""},
                           b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"))
    put(f"/{PLAIN}/one", b"first\n")
    put(f"/{PLAIN}/a/b/three words", b"deep\n", content_type="text/x-deep", x_amz_meta_colour="green", cache_control="no-store")
    put(f"/{PLAIN}/a/ä+%&=ß", "a name\n".encode())
    put(f"/{PLAIN}/a.b", b"beside a directory\n")
    put(f"/{PLAIN}/empty", b"")
    put(f"/{PLAIN}/folder/", b"")
    put(f"/{PLAIN}/tagged", b"tagged\n", x_amz_tagging="colour=blue&size=2")
    put(f"/{PLAIN}/large", hashlib.sha256(b"large").digest() * 200000)
    bucket.BUCKET = PLAIN
    bucket.parts("p")
    for text in (b"1", b"2", b"3"):
        put(f"/{VERSIONED}/x/three", text)
    put(f"/{VERSIONED}/gone", b"was here")
    want("delete", ask("DELETE", f"/{VERSIONED}/gone"), 204)
    put(f"/{VERSIONED}/once", b"once")


def spoil():
    want("delete", ask("DELETE", f"/{PLAIN}/a/b/three words"), 204)
    put(f"/{PLAIN}/one", b"written over\n")
    put(f"/{PLAIN}/a/b", b"where a directory was\n")
    put(f"/{PLAIN}/later", b"later\n")
    want("tags", ask("DELETE", f"/{PLAIN}/tagged", {"tagging": ""}), 204)
    for key, version in versions(VERSIONED):
        if key != "once":
            want("delete", ask("DELETE", f"/{VERSIONED}/{key}", {"versionId": version}), 204)
    put(f"/{VERSIONED}/once", b"twice")
    put(f"/{VERSIONED}/x/three", b"another")
    want("versioning", ask("PUT", f"/{VERSIONED}", {"versioning": ""},
                           b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"))


def versions(name):
    """Of every object, newest first, with delete markers."""
    return [(entry["Key"], entry["VersionId"]) for _, entry in bucket.entries(name, bucket.OWN)]


KEPT = re.compile(r"(content-(?!length)|cache-control|etag|last-modified|x-amz-(meta|version|delete|tagging-count))", re.I)


def state(everything):
    for name in sorted(tags("Name", want("buckets", ask("GET", "/"))[2])):
        print(name, tags("Status", ask("GET", f"/{name}", {"versioning": ""})[2]), tags("ID", ask("GET", f"/{name}", {"acl": ""})[2])[:1])
        if everything:
            listed = sorted(versions(name), key=lambda v: v[0])
        else:
            listed = [(html.unescape(key), None) for key in tags("Key", ask("GET", f"/{name}", {"list-type": "2"})[2])]
        for key, version in listed:
            query = {"versionId": version} if version else {}
            status, headers, body = ask("GET", f"/{name}/{key}", query)
            kept = sorted(f"{k.lower()}={v}" for k, v in headers.items() if KEPT.match(k))
            if not everything:
                kept = [line for line in kept if not line.startswith(("etag", "last-modified", "x-amz-version"))]
            labels = ask("GET", f"/{name}/{key}", dict(query, tagging=""))[2] if status == 200 else b""
            print(" ", key, version or "", status, len(body), hashlib.sha256(body).hexdigest()[:16], kept, sorted(tags("Key", labels) + tags("Value", labels)))


def write(count):
    for i in range(count):
        put(f"/{PLAIN}/busy", b"%d" % i)
        put(f"/{VERSIONED}/busy", b"%d" % i)


def main(words):
    if words[0] == "account":
        account(*words[1:])
    elif words[0] == "disown":
        account(words[1])
    elif words[0] == "own":
        own(*words[1:])
    elif words[0] == "fill":
        fill()
    elif words[0] == "spoil":
        spoil()
    elif words[0] == "state":
        state(words[1:] != ["objects"])
    elif words[0] == "write":
        write(int(words[1]))


main(sys.argv[1:])
