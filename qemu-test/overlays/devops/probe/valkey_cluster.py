"""A client of the claimed Valkey cluster, for the checks beside it."""
import os
import socket

SLOTS = 16384
PASSWORD = os.environ["CACHE_PASSWORD"]
PORT = int(os.environ["CACHE_PORT"])
HOSTS = os.environ["CACHE_HOSTS"].split()


class Node:
    """One connection; speaks as much of the protocol as the checks need."""

    def __init__(self, host, port, timeout=20):
        self.file = socket.create_connection((host, port), timeout=timeout).makefile("rwb")
        if self.ask("AUTH", PASSWORD) != "OK":
            raise OSError(f"{host} refuses the password")

    def send(self, *words):
        self.file.write(b"*%d\r\n" % len(words))
        for word in words:
            data = str(word).encode()
            self.file.write(b"$%d\r\n%s\r\n" % (len(data), data))

    def read(self):
        line = self.file.readline().rstrip(b"\r\n")
        if not line:
            raise OSError("the connection was closed")
        kind, rest = line[:1], line[1:].decode()
        if kind == b"+":
            return rest
        if kind == b"-":
            return RuntimeError(rest)
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else self.file.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        raise OSError(f"not understood: {line!r}")

    def ask(self, *words):
        self.send(*words)
        self.file.flush()
        return self.read()


def slot(key):
    """A tag in braces stands for the whole key."""
    begin = key.find("{")
    end = key.find("}", begin + 1)
    if begin >= 0 and end > begin + 1:
        key = key[begin + 1:end]
    crc = 0
    for byte in key.encode():
        crc ^= byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc % SLOTS


def owners(timeout=20, hosts=None):
    """[(first slot, last slot, (host, port))], as the first node says that answers."""
    error = None
    for host in hosts or HOSTS:
        try:
            return [(first, last, (primary[0], primary[1]))
                    for first, last, primary, *_ in Node(host, PORT, timeout).ask("CLUSTER", "SLOTS")]
        except (OSError, TypeError, ValueError) as e:
            error = f"{host}: {e}"
    raise OSError(error)
