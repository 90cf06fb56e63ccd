"""Generated configuration before tables of what upstream documents (builder/tests/schemas), without a network.

documented.py REPOSITORY BUILD [TABLE...]    lines of ok or not, what, and why not, by tabs

A table says where its keys are from, which image they are for, and what is looked at: of a container its files, its
environment or its command, in one or more profiles. Keys are walked with their types; a key or value that the table does not
have is told with its way. Each table names one misspelling that has to be told: what takes everything would show nothing.
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

import alloy_syntax

REPO, BUILD = sys.argv[1:3]
SCHEMAS = f"{REPO}/builder/tests/schemas"


def tell(what, wrong):
    """Wrong: what is not as it should be, nothing when all is well."""
    wrong = "; ".join(wrong) if isinstance(wrong, list) else wrong
    print("not" if wrong else "ok", " ".join(what.split()), " ".join(str(wrong).split()) if wrong else "", sep="\t", flush=True)


def own(kind, text, pattern):
    return re.fullmatch(pattern, text) is not None or f"no {kind}: {text}"


class Word(str):
    """A value of an environment, an ini file, ...: text, whatever it stands for. Those of YAML are typed by their reader."""


def number(value, pattern):
    return re.fullmatch(pattern, str(value)) is not None and (isinstance(value, Word) or not isinstance(value, (str, bool)))


TYPES = {
    "string": lambda v: isinstance(v, str) or f"no text: {v}",
    "boolean": lambda v: isinstance(v, bool) or (isinstance(v, Word) and v in ("true", "false")) or f"neither true nor false: {v}",
    "integer": lambda v: number(v, r"-?\d+") or f"no whole number: {v}",
    "number": lambda v: number(v, r"-?\d+(\.\d+)?") or f"no number: {v}",
    "port": lambda v: (number(v, r"\d+") and 0 < int(v) < 65536) or f"no port: {v}",
    "duration": lambda v: own("duration", str(v), r"0|(\d+(\.\d+)?(ns|us|ms|s|m|h|d|w|y))+"),
    "size": lambda v: own("size", str(v), r"\d+\s?([KMGT]i?B?|B)?"),
    "url": lambda v: own("address", str(v), r"[a-z][a-z0-9+.-]*://[^\s]+"),
    "endpoint": lambda v: own("HOST:PORT", str(v), r"[A-Za-z0-9_.-]+:\d+"),
    "address": lambda v: own("address to listen at", str(v), r"any|\d+\.\d+\.\d+\.\d+|[0-9a-f:]*:[0-9a-f:]*|localhost"),
    "path": lambda v: own("absolute path", str(v), r"/\S*"),
    "date": lambda v: own("date", str(v), r"\d{4}-\d\d-\d\d"),
}


def fits(value, kind, way):
    """What is wrong with one value, by a name of TYPES, or `= A B C` for one of these."""
    if isinstance(value, (dict, list)):
        return [f"{way}: no single value"]
    if kind.startswith("= "):
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return [] if text in kind[2:].split(" ") else [f"{way}: '{text}' is none of {kind[2:]}"]
    right = TYPES[kind](value)
    return [] if right is True else [f"{way}: {right}"]


def walk(value, schema, way=""):
    """What a mapping has that the schema does not; `*` is any name, a list of one is a list of such."""
    if isinstance(schema, str):
        return [] if schema == "any" else fits(value, schema, way)
    if isinstance(schema, list):
        if not isinstance(value, list):
            return [f"{way}: no list"]
        return [e for i, one in enumerate(value) for e in walk(one, schema[0], f"{way}[{i}]")]
    if not isinstance(value, dict):
        return [f"{way or 'all'}: no mapping"]
    wrong = []
    for key, inner in value.items():
        there = f"{way}.{key}" if way else key
        known = schema.get(key, schema.get("*"))
        wrong += [f"{there}: no such key"] if known is None else walk(inner, known, there)
    return wrong


def plain(text):
    """Secrets and facts are known on the machine only; what they stand for is a text of its own, in quotes where a filter quotes it."""
    text = re.sub(r"\$\{[a-z]+:[^}|]*\|(yaml|json)\}", '"x"', text)
    return re.sub(r"\$\{[a-z]+:[^}]*\}", "x", text)


def plain_inside(value):
    if isinstance(value, dict):
        return {k: plain_inside(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain_inside(v) for v in value]
    return plain(value) if isinstance(value, str) else value


def read_yaml(text):
    done = subprocess.run([f"{BUILD}/tools/yamljson"], input=text.encode(), capture_output=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr.decode())
    return json.loads(done.stdout)


def read_ini(text):
    """Sections of keys; a comment begins with a semicolon or #, at the beginning of a line or, with a semicolon, after a space."""
    found, section = {}, None
    for line in text.splitlines():
        line = re.sub(r"\s;.*", "", line.strip()) if not line.startswith((";", "#")) else ""
        if not line:
            continue
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), {})
            continue
        key, equals, value = line.partition("=")
        if not equals or section is None:
            raise ValueError(f"no setting: {line}")
        if key.strip() in section:
            raise ValueError(f"twice: {key.strip()}")
        section[key.strip()] = Word(value.strip())
    return found


def read_properties(text):
    found = {}
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not equals or key in found:
            raise ValueError(f"no setting of its own: {line}")
        found[key] = Word(value)
    return found


def by_prefix(settings, rules):
    """Properties whose table depends on how their names begin: [PREFIX, KEYS] with the longest prefix first; "" is the rest."""
    wrong = []
    for key, value in settings.items():
        prefix, keys = next((p, k) for p, k in rules if key.startswith(p))
        kind = keys.get(key[len(prefix):])
        wrong += [f"{key}: no such key"] if kind is None else fits(value, kind, key)
    return wrong


def statements(text, table):
    """Properties after WITH, and the formats they name, of statements of ksqlDB."""
    wrong, found = [], 0
    for inside in re.findall(r"\bWITH\s*\(([^)]*)\)", text, flags=re.I):
        for pair in re.split(r",(?=(?:[^']*'[^']*')*[^']*$)", inside):
            key, equals, value = (part.strip() for part in pair.partition("="))
            kind = table.get(key.upper())
            found += 1
            if not equals or kind is None:
                wrong.append(f"WITH {key}: no such property")
            elif kind == "text":
                wrong += [] if re.fullmatch(r"'[^']*'", value) else [f"WITH {key}: no text in quotes: {value}"]
            else:
                wrong += fits(Word(value.strip("'").upper() if kind.startswith("= ") else value), kind, f"WITH {key}")
    return wrong if found else ["no WITH is there to look at"]


def words(text):
    return {key: Word(value) for key, value in json.loads(text).items()}


def sections(settings, table):
    """Environment names that are made of sections and keys, as Grafana's: PREFIX_SECTION_KEY."""
    wanted = {}
    for section, keys in table["sections"].items():
        for key, kind in keys.items():
            wanted["_".join([table["prefix"], *(re.sub("[.-]", "_", part).upper() for part in (section, key) if part)])] = kind
    return walk({k: v for k, v in settings.items() if k.startswith(table["prefix"] + "_")}, wanted)


def command(words, table):
    """Options of a command line; `words` are those that are no options."""
    wrong, left = [], iter(words)
    for word in left:
        name, equals, value = word.partition("=")
        kind = table["options"].get(name)
        if kind is None:
            wrong += [] if not word.startswith("-") and fits(word, table["words"], "word") == [] else [f"{word}: no such option"]
        elif kind == "switch":
            wrong += [f"{word}: takes nothing"] if equals else []
        else:
            wrong += fits(Word(value if equals else next(left, "")), kind, name)
    return wrong


def known_call(step, table):
    """METHOD PATH of an HTTP step and what the table has of it; * is one part of a path."""
    call = f"{step.get('method') or ('POST' if 'body' in step or 'json' in step or 'form' in step else 'GET')} {step['path']}"
    for pattern, known in table.items():
        if re.fullmatch(re.escape(pattern).replace(r"\*", "[^/]+"), call):
            return call, known
    return call, None


def calls(steps, table):
    """HTTP steps: the call, its body, and that answers which are no failure are documented ones."""
    wrong = [] if steps else ["there are none"]
    for step in steps:
        call, known = known_call(step, table)
        if known is None:
            wrong.append(f"{call}: no such call")
            continue
        body = step.get("json") or (json.loads(step["body"]) if "body" in step else {})
        wrong += walk(body, known.get("body", {}), call)
        wrong += [f"{call}: {status} is no answer of it" for status in step["expect"] if status not in known["answers"]]
    return wrong


def programs(steps, table):
    """Commands of steps, by the words that they begin with; what is piped in where the table says it is JSON; their environment."""
    wrong = [] if steps else ["there are none"]
    for step in steps:
        line = " ".join(step["command"])
        name = max((n for n in table["commands"] if line == n or line.startswith(n + " ")), key=len, default=None)
        if name is None:
            wrong.append(f"{line}: no such command")
            continue
        known = table["commands"][name]
        wrong += [f"{name}: {e}" for e in command(step["command"][len(name.split(" ")):], dict({"options": {}, "words": "string"}, **known))]
        wrong += walk({k: Word(v) for k, v in step["env"].items()}, table["environment"], name)
        if "input" in known:
            wrong += walk(json.loads(step["stdin"]), known["input"], name)
    return wrong


class Machine:
    """What is generated of a profile."""
    known = {}

    def __init__(self, profile):
        done = subprocess.run([f"{BUILD}/tools/wired", profile], capture_output=True, check=True)
        self.all = json.loads(done.stdout)
        self.containers = {c["name"]: c for c in self.all["machine"]["containers"]}

    @classmethod
    def of(cls, text):
        """A profile of the golden files by its name, or one of its own text."""
        if text not in cls.known:
            if "\n" not in text:
                cls.known[text] = cls(f"{REPO}/builder/tests/golden/upstream/{text}.yaml")
            else:
                # Beside the others, whose overlays it has.
                with tempfile.NamedTemporaryFile("w", suffix=".yaml", dir=f"{REPO}/builder/tests/golden/upstream", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    cls.known[text] = cls(file.name)
        return cls.known[text]

    def file(self, container, path):
        for one in self.containers[container]["files"]:
            if one["path"] == path:
                return one["text"]
        there = f"/usr/lib/kiln/files/{container}{path}"
        if there in self.all["files"]:
            return self.all["files"][there]
        with open(self.all["sources"][there], encoding="utf-8") as file:
            return file.read()

    def unit(self, container):
        return self.all["files"][f"/usr/share/containers/systemd/{container}.container"].splitlines()

    def values(self, container, key):
        return [line.partition("=")[2] for line in self.unit(container) if line.startswith(key + "=")]

    def environment(self, container):
        found = dict(line.strip('"').split("=", 1) for line in self.values(container, "Environment"))
        found.update((one["name"], one["value"]) for one in self.containers[container]["env"])
        return found

    def command(self, container):
        return [word.strip('"') for line in self.values(container, "Exec") for word in line.split(" ")]

    def steps(self, container):
        """Of provisioning, with those that wait and that ask whether it is so already: HTTP calls, and commands with their environment."""
        every = [s for p in self.all["machine"]["provision"] for s in p["steps"]]
        asked = every + [{"env": s.get("env"), **s[more]} for s in every for more in ("wait", "unless") if s.get(more)]
        http = [one["http"] for one in asked if container in one.get("http", {}).get("to", [])]
        run = [dict(one["exec"], env=one.get("env") or {}, stdin=one.get("stdin")) for one in asked if container in one.get("exec", {}).get("in", [])]
        return http, run


READERS = {"yaml": read_yaml, "ini": read_ini, "properties": read_properties}


def look(check, read):
    """What is wrong with one thing that is looked at. `read` gives its text, and another in the negative case."""
    kind = check["as"]
    try:
        text = read()
        if kind in ("yaml", "ini"):
            return walk(READERS[kind](text), check["keys"])
        if kind == "properties":
            return by_prefix(read_properties(text), check["keys"])
        if kind == "statements":
            return statements(text, check["keys"])
        if kind == "environment":
            return walk(words(text), check["keys"])
        if kind == "sections":
            return sections(words(text), check["keys"])
        if kind == "command":
            return command(json.loads(text), check["keys"])
        if kind == "calls":
            return calls(json.loads(text), check["keys"])
        if kind == "programs":
            return programs(json.loads(text), check["keys"])
        if kind == "alloy":
            return alloy_syntax.complaints(text, check["keys"])
        raise ValueError(f"as: {kind}?")
    except (ValueError, KeyError, StopIteration) as error:
        return [f"{type(error).__name__} {error}"]


def reader(machine, check):
    container = check["container"]
    if check["as"] in ("environment", "sections"):
        return lambda: json.dumps({k: plain(v) for k, v in machine.environment(container).items()})
    if check["as"] == "command":
        return lambda: json.dumps(machine.command(container))
    if check["as"] in ("calls", "programs"):
        return lambda: json.dumps(plain_inside(machine.steps(container)[check["as"] == "programs"]))
    return lambda: plain(machine.file(container, check["file"]))


def of_table(path):
    with open(path, encoding="utf-8") as file:
        table = json.load(file)
    shared = table.get("shared", {})
    for check in table["checks"]:
        if isinstance(check["keys"], str):
            check["keys"] = shared[check["keys"]]
        if check["as"] == "properties":
            check["keys"] = [[p, dict(pair for name in k for pair in shared[name].items()) if isinstance(k, list) else k] for p, k in check["keys"]]
        what = f"{table['system']}: {check.get('file') or check['as']} of {check['container']}"
        first = None
        for number, profile in enumerate(check.get("profiles", table["profiles"])):
            machine = Machine.of(profile)
            if check["container"] not in machine.containers:
                tell(what, f"no such container in {profile}")
                continue
            image = machine.containers[check["container"]]["image"]
            tell(f"{what}: the table is for its image", "" if image == check["image"] else f"{image}, and the table was looked up for {check['image']}: look it up again")
            read = reader(machine, check)
            first = first or read
            tell(f"{what} has documented settings only{f', {number + 1}' if number else ''}", look(check, read))
        for right, wrong, says in check["misspelt"]:
            text = first()
            told = look(check, lambda text=text, right=right, wrong=wrong: text.replace(right, wrong, 1)) if right in text else ["not there"]
            tell(f"{what}: {wrong} for {right}: {says}", "" if "; ".join(told) == says else f"told: {told}")


tables = sys.argv[3:] or sorted(glob.glob(f"{SCHEMAS}/*.json"))
for one in tables:
    of_table(one)
tell("there are tables", "" if tables else os.listdir(SCHEMAS))
