#!/usr/bin/env python3
"""An OCI image layout for tests: layout.py DIR SIZE. Tag 1 is an index for amd64 and arm64/v8 with gzip layers, one of SIZE random bytes; the same every time."""
import gzip, hashlib, io, json, os, random, sys, tarfile

root, size = sys.argv[1], int(sys.argv[2])
blobs = os.path.join(root, "blobs", "sha256")
os.makedirs(blobs)


def put(data):
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(blobs, digest), "wb") as f:
        f.write(data)
    return "sha256:" + digest, len(data)


def descriptor(kind, data, **more):
    digest, length = put(data)
    return dict(mediaType=kind, digest=digest, size=length, **more)


def layer(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    plain = out.getvalue()
    return gzip.compress(plain, 1, mtime=0), "sha256:" + hashlib.sha256(plain).hexdigest()


OCI = "application/vnd.oci.image."
noise = random.Random(7)
big = layer([("data/noise", noise.randbytes(size))])
manifests = []
for arch, variant in (("amd64", None), ("arm64", "v8")):
    layers = [layer([("etc/arch", arch.encode())]), big]
    config = {"architecture": arch, "os": "linux", "config": {"User": "7", "Entrypoint": ["/bin/app"], "Env": ["A=1"]},
              "rootfs": {"type": "layers", "diff_ids": [d for _, d in layers]}}
    platform = {"os": "linux", "architecture": arch}
    if variant:
        config["variant"] = platform["variant"] = variant
    manifest = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
                "config": descriptor(OCI + "config.v1+json", json.dumps(config).encode()),
                "layers": [descriptor(OCI + "layer.v1.tar+gzip", data) for data, _ in layers]}
    manifests.append(descriptor(OCI + "manifest.v1+json", json.dumps(manifest).encode(), platform=platform))
index = {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": manifests}
entry = descriptor(OCI + "index.v1+json", json.dumps(index).encode(), annotations={"org.opencontainers.image.ref.name": "1"})
with open(os.path.join(root, "index.json"), "w") as f:
    json.dump({"schemaVersion": 2, "manifests": [entry]}, f)
with open(os.path.join(root, "oci-layout"), "w") as f:
    json.dump({"imageLayoutVersion": "1.0.0"}, f)
