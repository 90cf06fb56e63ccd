#!/usr/bin/env python3
"""Models as a registry has them, for tests: modellayout.py DIR GGUF. Blobs by digest, and an index of tags for registry.py: 1 is the
model with a template, parameters and a licence, 2 the same weights with another template, cloud one that is not here."""
import hashlib, json, os, sys

root, gguf = sys.argv[1:]
blobs = os.path.join(root, "blobs", "sha256")
os.makedirs(blobs)
OLLAMA = "application/vnd.ollama.image."


def put(kind, data):
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(blobs, digest), "wb") as f:
        f.write(data)
    return {"mediaType": kind, "digest": "sha256:" + digest, "size": len(data)}


def manifest(tag, config, layers):
    body = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": put("application/vnd.docker.container.image.v1+json", json.dumps(config).encode()),
            "layers": [put(OLLAMA + kind, data) for kind, data in layers]}
    entry = put(body["mediaType"], json.dumps(body).encode())
    entry["annotations"] = {"org.opencontainers.image.ref.name": tag}
    return entry


with open(gguf, "rb") as f:
    weights = f.read()
here = {"model_format": "gguf", "model_family": "llama", "model_families": ["llama"], "model_type": "124K", "file_type": "F32",
        "architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
away = {"model_format": "", "remote_host": "https://cloud.example", "remote_model": "huge", "architecture": "amd64", "os": "linux"}
tags = [
    manifest("1", here, [("model", weights), ("template", b"{{ .Prompt }}"), ("license", b"As you like.\n"), ("params", b'{"num_ctx":256,"temperature":0}')]),
    manifest("2", here, [("model", weights), ("template", b"Q: {{ .Prompt }}")]),
    manifest("cloud", away, [("model", b"none")]),
]
with open(os.path.join(root, "index.json"), "w") as f:
    json.dump({"schemaVersion": 2, "manifests": tags}, f)
