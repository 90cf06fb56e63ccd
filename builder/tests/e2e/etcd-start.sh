#!/usr/bin/env bash
# etcd, Debian's, killed in the milliseconds of its first start in which it leaves a log without members, one node and three:
# started again by etcd-run it has a leader each time, and what was written before a later kill is kept.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/packages.bash
. "$(dirname "$0")/packages.bash"

cd "$scratch" || exit 1
if ! apt_begin || ! (cd "$apt_dir" && private_apt apt-get download etcd-server) || ! dpkg-deb -x "$apt_dir"/etcd-server_*.deb server; then
    not_ok "Debian's etcd is fetched"
    exit
fi
check 'killed at its first start, etcd begins anew' python3 - "$repo/overlays/data/postgres/etcd-run" server/usr/bin/etcd <<'PYTHON'
import base64, json, os, shutil, socket, subprocess, sys, time, urllib.request

launcher, etcd = sys.argv[1:]
anew = "begins anew"


def ports(n):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    return [s.getsockname()[1] for s in held]


class Node:
    def __init__(self, name, ports, all_peers):
        self.data, self.log = name + "/data", name + ".log"
        self.client = "http://127.0.0.1:%d" % ports[0]
        peer = "http://127.0.0.1:%d" % ports[1]
        self.arguments = [
            "--name", name, "--data-dir", self.data, "--log-level", "warn", "--initial-cluster", all_peers,
            "--listen-client-urls", self.client, "--advertise-client-urls", self.client,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]

    def start(self):
        with open(self.log, "a", encoding="ascii") as log:
            self.process = subprocess.Popen(["sh", launcher, self.data, etcd, *self.arguments], stderr=log)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def said(self):
        with open(self.log, encoding="utf-8") as log:
            return log.read()

    def ask(self, path, **request):
        return json.load(urllib.request.urlopen(self.client + path, json.dumps(request).encode() if request else None, timeout=5))

    def leads(self):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                if self.ask("/health")["health"] == "true":
                    return True
            except OSError:
                pass
            time.sleep(0.05)
        return False


def cluster(n):
    p = [ports(2) for _ in range(n)]
    everyone = ",".join("n%d=http://127.0.0.1:%d" % (i, p[i][1]) for i in range(n))
    nodes = [Node("n%d" % i, p[i], everyone) for i in range(n)]
    for node in nodes:
        shutil.rmtree(os.path.dirname(node.data), ignore_errors=True)
        os.makedirs(node.data, 0o700)
        open(node.log, "w", encoding="ascii").close()
    return nodes


def killed_and_again(n, wait):
    """Whether the launcher had something to clear."""
    nodes = cluster(n)
    try:
        for node in nodes:
            node.start()
            while not os.path.isdir(node.data + "/member/wal"):
                if node.process.poll() is not None:
                    sys.exit("etcd ended before it made its log\n" + node.said())
                time.sleep(0.0001)
        time.sleep(wait)
        for node in nodes:
            node.kill()
        for node in nodes:
            node.start()
        for node in nodes:
            if not node.leads():
                sys.exit("%d nodes, killed after %.1f ms: no leader\n%s" % (n, wait * 1000, node.said()))
        nodes[0].ask("/v3/kv/put", key=base64.b64encode(b"k").decode(), value=base64.b64encode(b"v").decode())
        for node in nodes:
            node.kill()
        cleared = sum(anew in node.said() for node in nodes)
        for node in nodes:
            node.start()
        if not nodes[-1].leads() or not nodes[-1].ask("/v3/kv/range", key=base64.b64encode(b"k").decode()).get("kvs"):
            sys.exit("%d nodes: what was written is gone\n%s" % (n, nodes[-1].said()))
        if sum(anew in node.said() for node in nodes) != cleared:
            sys.exit("%d nodes: a complete log was cleared" % n)
        return cleared
    finally:
        for node in nodes:
            node.kill()


cleared = sum(killed_and_again(n, wait / 1000) for n in (1, 3) for wait in (0, 0, 0.5, 1.5, 3, 8))
sys.exit(0 if cleared else "no kill came early enough: nothing was tried")
PYTHON
