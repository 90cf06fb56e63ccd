#!/usr/bin/env bash
# The memory that making a store takes does not grow with its images: layers are read as streams.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
cd "$scratch" || exit 1
cat >measure.py <<'END'
"""measure.py STORE NAME LAYERS FILES: makes a layout of layers with so many files of 1 MiB, and a store of it; prints the
most memory in KiB that the indexes of its layers took, the bytes of its stream, and the most that writing that took."""
import hashlib, io, json, os, subprocess, sys, tarfile

store, name, layers, files = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
OCI = "application/vnd.oci.image."
blobs = os.path.join(name, "blobs", "sha256")
os.makedirs(blobs)
os.mkdir(name + ".index")


def named(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while data := f.read(1 << 20):
            digest.update(data)
    size = os.path.getsize(path)
    os.rename(path, os.path.join(blobs, digest.hexdigest()))
    return {"digest": "sha256:" + digest.hexdigest(), "size": size}


def put(kind, value):
    with open("document", "wb") as f:
        f.write(json.dumps(value).encode())
    return dict(named("document"), mediaType=OCI + kind)


made = []
for i in range(layers):
    with tarfile.open("layer", "w", format=tarfile.USTAR_FORMAT) as t:
        for k in range(files):
            info = tarfile.TarInfo("data/%d-%d" % (i, k))
            info.size = 1 << 20
            t.addfile(info, io.BytesIO(hashlib.sha256(info.name.encode()).digest() * (info.size // 32)))
    made.append(dict(named("layer"), mediaType=OCI + "layer.v1.tar"))
config = put("config.v1+json", {"architecture": "amd64", "os": "linux", "config": {},
                                "rootfs": {"type": "layers", "diff_ids": [l["digest"] for l in made]}})
manifest = put("manifest.v1+json", {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": config, "layers": made})
manifest["annotations"] = {"org.opencontainers.image.ref.name": "registry.example/x:1"}
with open(name + "/index.json", "w") as f:
    json.dump({"schemaVersion": 2, "manifests": [manifest]}, f)
subprocess.run([store, name, "-", "-", "2", name + ".index", "registry.example/x:1"], check=True)
END
measure() { # NAME LAYERS FILES
    python3 measure.py "$build/tools/store" "$@"
    rm -rf "${scratch:?}/$1"
}
read -r small_index small_bytes small_stream < <(measure small 3 10)
read -r index bytes stream < <(measure large 3 200)
echo "# ${small_bytes:-0} bytes: $small_index and $small_stream KiB at most; ${bytes:-0} bytes: $index and $stream KiB at most"
same 'stores of 30 and of 600 MiB' '30 600' "$((${small_bytes:-0} >> 20)) $((${bytes:-0} >> 20))"
no_more() { # NAME SMALL LARGE, in KiB; 2 MiB are what the program has before it reads: less was not measured
    if [ "${2:-0}" -gt 2048 ] && [ "${3:-0}" -gt 2048 ] && [ $(($3 - $2)) -lt 30720 ]; then ok "$1"; else not_ok "$1" "${2:-0} KiB, then ${3:-0} KiB"; fi
}
no_more 'twenty times the images: the indexes of layers take less than 30 MiB more memory' "$small_index" "$index"
no_more 'twenty times the images: the stream takes less than 30 MiB more memory' "$small_stream" "$stream"
