#!/usr/bin/env python3
"""An OCI layout with images of real files and of awkward ones.

upstream-images.py TREE LAYOUT     TREE: a Debian root, from whose packages the base layer is made
upstream-images.py small BUSYBOX LAYOUT     two layers around a static shell
upstream-images.py wrap LAYOUT TAG REFERENCE     an index around the manifest TAG (of umoci), under that name
upstream-images.py links DIR       the hard links below DIR, one group per line

Every blob is what a registry would hold: the base layer as gzip of two members, the others as zstd, gzip and plain tar.
"""
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile

EPOCH = 1600000000
BASE = ("base-files base-passwd bash coreutils dash findutils libacl1 libattr1 libaudit1 libc6 libcap2 libcap-ng0 libcrypt1 "
        "libgmp10 libpam-modules libpam0g libpcre2-8-0 libselinux1 libssl3t64 libtinfo6 libzstd1 login mount passwd "
        "sed util-linux libblkid1 libmount1 libsmartcols1 libuuid1 libsystemd0 zlib1g").split()
CAPABILITY = bytes([1, 0, 0, 2, 0, 4] + [0] * 14).decode("latin-1")  # cap_net_bind_service=ep


class Layer:
    """A tar, member by member, with everything that tarfile would rather not write."""

    def __init__(self):
        self.data = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.data, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape")

    def add(self, name, kind=tarfile.REGTYPE, text=b"", mode=0o644, owner=(0, 0), link="", time=EPOCH, pax=None, device=(0, 0)):
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.linkname, info.mtime = kind, mode, link, time
        info.uid, info.gid = owner
        info.size = len(text)
        info.devmajor, info.devminor = device
        info.pax_headers = pax or {}
        self.tar.addfile(info, io.BytesIO(text))

    def dir(self, name, mode=0o755, owner=(0, 0), **more):
        self.add(name, tarfile.DIRTYPE, mode=mode, owner=owner, **more)

    def link(self, name, to):
        self.add(name, tarfile.LNKTYPE, link=to)

    def bytes(self):
        self.tar.close()
        return self.data.getvalue()


def raw_name(text):
    return os.fsdecode(text)


def odd_layer():
    """All that umoci and podman agree on."""
    t = Layer()
    t.dir("etc")
    t.add("etc/.wh.debian_version")
    t.dir("etc/skel", 0o750, (7, 8))
    t.add("etc/skel/only", text=b"new\n", mode=0o640, owner=(1, 2))
    t.add("etc/skel/.wh..wh..opq")
    t.dir("srv", 0o2775, (1000, 1001))
    t.add("srv/one", text=b"linked\n", owner=(5, 6))
    t.link("srv/two", "srv/one")
    t.link("./srv/three", "./srv/two")
    t.add("srv/suid", text=b"#!/bin/true\n", mode=0o4755, pax={"SCHILY.xattr.security.capability": CAPABILITY})
    t.add("srv/note", text=b"x", mode=0o600, owner=(65000, 65000), pax={"SCHILY.xattr.user.note": "hello"})
    t.add("srv/big-owner", owner=(3000000, 2000000))
    t.add(raw_name(b"srv/not\xff\xfeutf8"), text=b"raw\n")
    t.add("srv/caf\u00e9 \"q\"\\", text=b"utf\n")
    long = "srv"
    for c in "abc":
        long += "/" + c * 80
        t.dir(long)
    t.add(long + "/file", text=b"deep\n")
    t.add("srv/dangling", tarfile.SYMTYPE, link="../../nope")
    t.add("srv/absolute", tarfile.SYMTYPE, link="/etc/passwd")
    t.link("srv/link-to-link", "srv/dangling")
    t.add("srv/fifo", tarfile.FIFOTYPE, mode=0o622)
    t.dir("srv/sticky", 0o1777)
    t.add("srv/empty")
    t.add("srv/large", text=bytes(range(256)) * 12000)
    t.dir("dev")
    t.add("dev/null", tarfile.CHRTYPE, mode=0o666, device=(1, 3))
    return t.bytes()


def late_layer():
    """What the container tools do not agree on, or cannot read: links before their target, marks in odd places."""
    t = Layer()
    t.link("late/first", "late/last")
    t.dir("late")
    t.add("late/last", text=b"late\n", owner=(9, 9))
    t.add("etc/.wh.never-there")
    t.add("opt/deep/.wh.never-there")
    t.add("home/.wh.x")
    t.add("home/x", text=b"stays\n")
    t.add(".wh.media")
    t.dir("media")
    t.add("media/new", text=b"m\n")
    t.add("usr/implicit/parent/file", text=b"i\n")
    t.add("var/.wh..wh.aufs")
    return t.bytes()


def command(argv, data):
    return subprocess.run(argv, input=data, stdout=subprocess.PIPE, check=True).stdout


def base_layer(tree):
    listed = subprocess.run(["chroot", tree, "dpkg", "-L", *BASE], stdout=subprocess.PIPE, check=True).stdout.split(b"\n")
    paths = {p.strip(b"/").replace(b"/./", b"/") for p in listed if p.startswith(b"/") and not p.startswith(b"/usr/share/")}
    paths = {p for p in paths if p and p != b"." and os.path.lexists(os.path.join(os.fsencode(tree), p))}
    for extra in (b"bin", b"lib", b"lib64", b"sbin", b"etc/passwd", b"etc/group", b"etc/shadow"):
        paths.add(extra)
    # A path behind a link (/bin/sh) is there under its real name.
    links = (b"bin/", b"lib/", b"lib64/", b"sbin/")
    text = b"\n".join(sorted(p for p in paths if not p.startswith(links))) + b"\n"
    return command(["tar", "-C", tree, "--format=pax", "--numeric-owner", "--xattrs", "--no-recursion", "--clamp-mtime",
                    "--mtime=@%d" % EPOCH, "--pax-option=delete=atime,delete=ctime", "-c", "-T", "-"], text)


class Layout:
    def __init__(self, path):
        self.path = path
        os.makedirs(os.path.join(path, "blobs", "sha256"), exist_ok=True)
        self.manifests = []

    def blob(self, data):
        digest = hashlib.sha256(data).hexdigest()
        with open(os.path.join(self.path, "blobs", "sha256", digest), "wb") as f:
            f.write(data)
        return "sha256:" + digest

    def document(self, value, kind, **more):
        data = json.dumps(value, separators=(",", ":")).encode()
        return {"mediaType": kind, "digest": self.blob(data), "size": len(data), **more}

    def layer(self, tar, form):
        if form == "gzip":
            half = len(tar) // 2
            data = gzip.compress(tar[:half], 6, mtime=0) + gzip.compress(tar[half:], 6, mtime=0)
        elif form == "zstd":
            data = command(["zstd", "-q", "-3"], tar)
        else:
            data = tar
        kind = "application/vnd.oci.image.layer.v1.tar" + ("+" + form if form else "")
        return {"mediaType": kind, "digest": self.blob(data), "size": len(data)}, hashlib.sha256(tar).hexdigest()

    def image(self, name, layers, config, index=True):
        config = {"created": "2026-01-02T03:04:05.678901234Z", "architecture": "amd64", "os": "linux", "config": config,
                  "rootfs": {"type": "layers", "diff_ids": ["sha256:" + d for _, d in layers]}}
        kind = "application/vnd.oci.image."
        manifest = self.document({"schemaVersion": 2, "mediaType": kind + "manifest.v1+json",
                                  "config": self.document(config, kind + "config.v1+json"),
                                  "layers": [descriptor for descriptor, _ in layers]}, kind + "manifest.v1+json")
        self.add(name, manifest, index)

    def add(self, name, manifest, index=True):
        if index:
            manifest["platform"] = {"os": "linux", "architecture": "amd64"}
            other = {"mediaType": manifest["mediaType"], "digest": "sha256:" + "0" * 64, "size": 7,
                     "platform": {"os": "linux", "architecture": "s390x"}}
            manifest = self.document({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                                      "manifests": [other, manifest]}, "application/vnd.oci.image.index.v1+json")
        manifest["annotations"] = {"org.opencontainers.image.ref.name": name}
        self.manifests.append(manifest)

    def end(self):
        with open(os.path.join(self.path, "oci-layout"), "w", encoding="ascii") as f:
            f.write('{"imageLayoutVersion":"1.0.0"}')
        with open(os.path.join(self.path, "index.json"), "w", encoding="ascii") as f:
            json.dump({"schemaVersion": 2, "manifests": self.manifests}, f)


def make(tree, path):
    layout = Layout(path)
    base = layout.layer(base_layer(tree), "gzip")
    odd = layout.layer(odd_layer(), "zstd")
    odd_gzip = layout.layer(odd_layer(), "gzip")  # umoci 0.4 knows no zstd
    late = layout.layer(late_layer(), "")
    shell = {"Entrypoint": ["/bin/sh", "-c"], "Env": ["PATH=/usr/bin:/bin", "HELLO=world"], "Cmd": ["echo from $HELLO"]}
    layout.image("odd", [base, odd_gzip], shell, index=False)
    layout.image("registry.example/team/base:13", [base], shell)
    layout.image("registry.example:5000/odd/app:1", [base, odd], {**shell, "User": "daemon"})
    layout.image("registry.example/late:2", [base, late], shell, index=False)
    layout.image("registry.example/stacked:2", [base, late, odd], shell)
    layout.end()


def small(busybox, path):
    layout, t = Layout(path), Layer()
    with open(busybox, "rb") as f:
        t.add("bin/busybox", text=f.read(), mode=0o755)
    for name in "sh ash cat chmod cp date env find id ip ln ls mkdir mknod mv od rm rmdir sed sleep sort stat tee touch true tr wc wget".split():
        t.add("bin/" + name, tarfile.SYMTYPE, link="busybox")
    t.add("etc/passwd", text=b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:0:an app:/opt/app:/bin/sh\n")
    t.add("etc/group", text=b"root:x:0:\nweb:x:33:app,other\n")
    t.dir("opt/app", 0o775, (1000, 0))
    t.dir("opt/app/lib", 0o2775, (1000, 0))
    for name in ("same", "changed", "gone", "mode", "tree/a", "tree/b", "moved/a"):
        t.add("opt/app/lib/" + name, text=name.encode() + b"\n", mode=0o664, owner=(1000, 0))
    t.add("opt/app/lib/able", text=b"#!/bin/sh\n", mode=0o755, pax={"SCHILY.xattr.security.capability": CAPABILITY})
    t.link("opt/app/lib/same-too", "opt/app/lib/same")
    t.dir("opt/app/lib/tree", 0o775, (1000, 0))
    t.dir("opt/app/lib/moved", 0o775, (1000, 0))
    t.add("opt/app/hidden", text=b"by a whiteout\n")
    t.dir("opt/app/emptied")
    t.add("opt/app/emptied/old")
    t.add("opt/link", tarfile.SYMTYPE, link="/etc")
    t.add("opt/alias", tarfile.SYMTYPE, link="/etc")
    t.add("opt/file")
    t.dir("tmp", 0o1777)
    t.dir("dev")
    t.add("dev/null", tarfile.CHRTYPE, mode=0o666, device=(1, 3))
    u = Layer()
    u.add("opt/app/.wh.hidden")
    u.dir("opt/app/emptied", 0o750, (7, 8))
    u.add("opt/app/emptied/.wh..wh..opq")
    u.add("opt/app/emptied/new", text=b"new\n")
    u.dir("opt/link")
    u.add("opt/link/passwd", text=b"not the one of etc\n")
    u.dir("opt/file")
    u.add("opt/file/within", text=b"a directory now\n")
    u.add("opt/first", text=b"first\n", owner=(3, 4))
    u.link("opt/second", "opt/first")
    config = {"User": "app", "Env": ["PATH=/bin", "FROM=image", "BOTH=image"], "Entrypoint": ["/bin/sh"], "WorkingDir": "/opt/app",
              "ExposedPorts": {"8080/tcp": {}}, "Labels": {"made": "by a test"}}
    layers = [layout.layer(t.bytes(), "gzip"), layout.layer(u.bytes(), "gzip")]
    layout.image("small", layers, config)
    far = Layer()
    far.add("opt/far", owner=(70000, 0))
    layout.image("far", layers + [layout.layer(far.bytes(), "gzip")], config, index=False)
    layout.end()


def wrap(path, tag, name):
    with open(os.path.join(path, "index.json"), encoding="utf-8") as f:
        index = json.load(f)
    found = [m for m in index["manifests"] if m.get("annotations", {}).get("org.opencontainers.image.ref.name") == tag]
    layout = Layout(path)
    layout.manifests = [m for m in index["manifests"] if m not in found]
    layout.add(name, {k: found[0][k] for k in ("mediaType", "digest", "size")})
    layout.end()


def links(top):
    groups = {}
    for where, _, names in os.walk(os.fsencode(top)):
        for name in names:
            full = os.path.join(where, name)
            st = os.lstat(full)
            groups.setdefault((st.st_dev, st.st_ino), []).append(os.path.relpath(full, os.fsencode(top)))
    for line in sorted(b" ".join(sorted(g)) for g in groups.values() if len(g) > 1):
        sys.stdout.buffer.write(line + b"\n")


if sys.argv[1] == "wrap":
    wrap(*sys.argv[2:5])
elif sys.argv[1] == "small":
    small(*sys.argv[2:4])
elif sys.argv[1] == "links":
    links(sys.argv[2])
else:
    make(sys.argv[1], sys.argv[2])
