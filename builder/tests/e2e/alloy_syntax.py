"""Alloy's configuration syntax (blocks with labels, attributes, texts, numbers, truth values, lists, maps, references; no operators and no
calls), and its components before a table of what they document: arguments with types, blocks, what they export."""
import re

TOKEN = re.compile(r"""(?P<space>\s+|//[^\n]*|\#[^\n]*)|(?P<text>"(?:\\.|[^"\\\n])*")|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<mark>[{}\[\]=,.])""", re.X)


class Reader:
    def __init__(self, text):
        self.tokens, at = [], 0
        while at < len(text):
            found = TOKEN.match(text, at)
            if not found:
                raise ValueError(f"line {text.count(chr(10), 0, at) + 1}: nothing of Alloy's: {text[at:at + 10]!r}")
            if found.lastgroup != "space":
                self.tokens.append((found.lastgroup, found.group(), text.count("\n", 0, at) + 1))
            at = found.end()
        self.at = 0

    def peek(self, ahead=0):
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ("end", "", self.tokens[-1][2] if self.tokens else 1)

    def take(self, kind=None, text=None):
        token = self.peek()
        if (kind and token[0] != kind) or (text and token[1] != text):
            raise ValueError(f"line {token[2]}: {text or kind} is wanted, {token[1] or 'the end'} is there")
        self.at += 1
        return token[1]

    def dotted(self):
        name = self.take("name")
        while self.peek()[1] == ".":
            self.take()
            name += "." + self.take("name")
        return name

    def value(self):
        kind, text, _ = self.peek()
        if kind in ("text", "number"):
            self.take()
            return (kind, text.strip('"'))
        if text in ("true", "false"):
            self.take()
            return ("boolean", text)
        if kind == "name":
            return ("reference", self.dotted())
        close = {"[": "]", "{": "}"}.get(text)
        if not close:
            self.take("text")
        self.take()
        items = []
        while self.peek()[1] != close:
            if close == "}":
                self.take()  # its name
                self.take("mark", "=")
            items.append(self.value())
            if self.peek()[1] != ",":
                break
            self.take()
        self.take("mark", close)
        return ("list" if close == "]" else "map", items)

    def body(self, end):
        """Attributes and blocks: ("is", NAME, VALUE) and ("block", NAME, LABEL, BODY)."""
        found = []
        while self.peek()[1] != end or self.peek()[0] == "text":
            name = self.dotted()
            if self.peek()[1] == "=":
                self.take()
                found.append(("is", name, self.value()))
                continue
            label = self.take("text").strip('"') if self.peek()[0] == "text" else None
            self.take("mark", "{")
            found.append(("block", name, label, self.body("}")))
            self.take("mark", "}")
        return found


def fits(value, kind, exported, way):
    """A value and the type that the documentation gives the argument; lists and maps are of one type."""
    have, inner = value
    if kind.startswith(("list ", "map ")):
        of, rest = kind.split(" ", 1)
        if have != of:
            return [f"{way}: no {of}"]
        return [e for one in inner for e in fits(one, rest, exported, way)]
    if have == "reference":
        is_a = exported.get(inner)
        return [f"{way}: {inner} is nowhere"] if is_a is None else [] if is_a == kind else [f"{way}: {inner} is a {is_a}, no {kind}"]
    if kind == "duration":
        return [] if have == "text" and re.fullmatch(r"(\d+(ns|us|ms|s|m|h))+", inner) else [f"{way}: no duration: {inner}"]
    if kind == "url":
        return [] if have == "text" and re.fullmatch(r"https?://\S+", inner) else [f"{way}: no address: {inner}"]
    if kind.startswith("= "):
        return [] if have == "text" and inner in kind[2:].split(" ") else [f"{way}: '{inner}' is none of {kind[2:]}"]
    return [] if have == {"string": "text"}.get(kind, kind) else [f"{way}: no {kind}: {inner}"]


def walk(body, known, exported, way):
    wrong, seen = [], set()
    for one in body:
        there = f"{way}.{one[1]}"
        if one[0] == "is":
            kind = known.get("arguments", {}).get(one[1])
            wrong += [f"{there}: no such argument"] if kind is None else fits(one[2], kind, exported, there)
            wrong += [f"{there}: twice"] if one[1] in seen else []
        else:
            inner = known.get("blocks", {}).get(one[1])
            wrong += [f"{there}: no such block"] if inner is None else walk(one[3], inner, exported, there)
            wrong += [f"{there}: a label"] if one[2] is not None else []
        seen.add(one[1])
    return wrong + [f"{way}: without {name}" for name in known.get("required", []) if name not in seen]


def complaints(text, components):
    body = Reader(text).body("")
    exported, wrong, seen = {}, [], set()
    for one in body:
        if one[0] == "block" and one[1] in components:
            for name, kind in components[one[1]].get("exports", {}).items():
                exported[f"{one[1]}.{one[2]}.{name}"] = kind
    for one in body:
        way = f"{one[1]}.{one[2]}" if one[0] == "block" and one[2] else one[1]
        if one[0] != "block" or one[1] not in components:
            wrong.append(f"{way}: no such component")
            continue
        if (one[2] is None) != bool(components[one[1]].get("alone")):
            wrong.append(f"{way}: {'a label' if one[2] else 'no label'}")
        wrong += [f"{way}: twice"] if way in seen else []
        seen.add(way)
        wrong += walk(one[3], components[one[1]], exported, way)
    return wrong
