#!/usr/bin/env python3
"""OCI layouts that nobody should have made: hostile.py DIR CANARY. DIR/NAME is a layout of one image, tag 1.

What leads out of an image leads to CANARY, a file, and to CANARY-dir, a directory, or up to what has these names.
"""
import gzip, hashlib, io, json, os, sys, tarfile

OCI = "application/vnd.oci.image."
out, canary = sys.argv[1:]
name = os.path.basename(canary)


class Layout:
    def __init__(self, path):
        self.path = os.path.join(out, path)
        self.layers, self.diffs = [], []
        os.makedirs(os.path.join(self.path, "blobs", "sha256"))
        self.write("oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())

    def write(self, path, data):
        with open(os.path.join(self.path, path), "wb") as f:
            f.write(data)

    def blob(self, kind, data, **more):
        digest = hashlib.sha256(data).hexdigest()
        self.write("blobs/sha256/" + digest, data)
        return dict(mediaType=OCI + kind, digest="sha256:" + digest, size=len(data), **more)

    def tar(self, plain, diff=None, pack=False):
        """A layer of these bytes, said to be of that diff id."""
        self.diffs.append(diff or "sha256:" + hashlib.sha256(plain).hexdigest())
        self.layers.append(self.blob("layer.v1.tar+gzip", gzip.compress(plain, 9, mtime=0)) if pack else self.blob("layer.v1.tar", plain))
        return self

    def layer(self, *members, **more):
        """(TYPE, NAME, LINK or bytes, owner): f d l h."""
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as t:
            for kind, path, *rest in members:
                info = tarfile.TarInfo(path)
                info.type = {"f": tarfile.REGTYPE, "d": tarfile.DIRTYPE, "l": tarfile.SYMTYPE, "h": tarfile.LNKTYPE}[kind]
                info.mode = 0o755 if kind == "d" else 0o644
                text = rest[0] if rest else b""
                info.uid = rest[1] if len(rest) > 1 else 0
                if isinstance(text, str):
                    info.linkname, text = text, b""
                info.size = len(text)
                t.addfile(info, io.BytesIO(text))
        return self.tar(data.getvalue(), **more)

    def config(self):
        return json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": self.diffs}}).encode()

    def manifest(self, config=None):
        return {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
                "config": self.blob("config.v1+json", config or self.config()), "layers": self.layers}

    def end(self, entry=None):
        entry = entry or self.blob("manifest.v1+json", json.dumps(self.manifest()).encode())
        entry["annotations"] = {"org.opencontainers.image.ref.name": "1"}
        self.write("index.json", json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode())
        return self


# What kiln lock reads: the documents.
l = Layout("digest").layer(("f", "a"))
l.end(dict(mediaType=OCI + "manifest.v1+json", digest="sha256:../../../../" + name, size=18))
l = Layout("deep").layer(("f", "a"))
l.end(l.blob("manifest.v1+json", json.dumps(l.manifest(b"[" * 200000 + b"]" * 200000)).encode()))
# What kiln fetch copies: the blobs. This one is a link to a file of the host that has what the manifest says.
l = Layout("link").tar(open(canary, "rb").read()).end()
blob = os.path.join(l.path, "blobs", "sha256", l.diffs[0][7:])
os.unlink(blob)
os.symlink(canary, blob)
# What kiln build indexes: the layers.
Layout("climbs").layer(("f", "clean")).layer(("f", "../" + name, b"x")).end()
Layout("whiteout").layer(("l", "up", "../../.."), ("f", "up/.wh." + name)).end()
Layout("lies").layer(("f", "clean")).layer(("f", "a", b"x"), diff="sha256:" + "0" * 64).end()
Layout("bomb").layer(("f", "zeros", bytes(80 << 20)), pack=True).end()
# What kiln build unpacks, to derive from it: each layer is sound by itself, and goes through the links of the one below.
up = [("l", "up%d" % i, "/".join([".."] * i)) for i in range(1, 8)]
through = [m for i in range(1, 8) for m in (("f", "up%d/%s" % (i, name), b"x"), ("f", "up%d/.wh.%s-dir" % (i, name)), ("f", "up%d/new" % i, b"x"))]
l = Layout("derived").layer(("l", "file", canary), ("l", "dir", canary + "-dir"), ("d", "sub"), ("l", "sub/dir", canary + "-dir"), *up)
l.layer(("f", "file", b"x"), ("f", "dir/" + name, b"x"), ("f", "dir/new", b"x"), ("f", "sub/dir/.wh..wh..opq"), *through)
l.layer(("f", "far", b"x", 65536)).end()
