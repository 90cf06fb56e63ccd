"""Generated configuration before the schemas and parsers of others.

schemas.py REPOSITORY CLIENT    CLIENT is where qdrant-client is installed. Lines of ok or not, what, and why not, by tabs.
"""
import glob
import importlib.util
import json
import re
import sys

import jmespath
import promql_parser
import yaml

REPO, CLIENT = sys.argv[1:]


def tell(what, wrong):
    """Wrong: what is not as it should be, nothing when all is well."""
    print("not" if wrong else "ok", " ".join(what.split()), " ".join(str(wrong).split()) if wrong else "", sep="\t", flush=True)


def generated(kind):
    with open(f"{REPO}/builder/tests/golden/upstream/generated.txt", encoding="utf-8") as file:
        parts = re.split("^==== ", file.read(), flags=re.M)
    return [json.loads(part.split("\n", 1)[1]) for part in parts if part.startswith(f"{kind}\n")]


def client_models():
    """The models that are made from Qdrant's OpenAPI; they forbid what they do not know."""
    spec = importlib.util.spec_from_file_location("models", f"{CLIENT}/qdrant_client/http/models/models.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["models"] = module
    spec.loader.exec_module(module)
    return module


def complaint(model, body):
    try:
        model.model_validate_json(body)
        return ""
    except ValueError as error:
        return str(error)


def calls_of_client():
    """METHOD PATH as the client has them, with one name for what varies."""
    found = set()
    for path in glob.glob(f"{CLIENT}/qdrant_client/http/api/*_api.py"):
        with open(path, encoding="utf-8") as file:
            for method, url in re.findall(r'method="([A-Z]+)",\s*url="([^"]+)"', file.read()):
                found.add(f"{method} {re.sub('{[^}]*}', '*', url)}")
    return found


def qdrant():
    models, calls = client_models(), calls_of_client()
    steps = [s["http"] for p in generated("provision") if p["service"] == "qdrant" for s in p["steps"] if "http" in s]
    tell("there are steps that make collections", "" if steps else "none")
    for step in steps:
        call = f"{step['method']} {re.sub('^/collections/[^/]+$', '/collections/*', step['path'])}"
        tell(f"{step['method']} {step['path']} is a call of the API", "" if call in calls else f"not among {len(calls)}")
        tell(f"{step['path']}: its body is one", complaint(models.CreateCollection, step["body"]))
        tell(f"{step['path']}: its key goes where the API has it", "" if "api-key" in step["headers"] else step["headers"])
        # What takes everything would show nothing.
        for wrong in (step["body"].replace("size", "sizes"), step["body"].replace("Cosine", "cosine")):
            tell(f"{wrong} is none", "" if complaint(models.CreateCollection, wrong) else "taken")
    with open(f"{REPO}/overlays/ai/qdrant/service.yaml", encoding="utf-8") as file:
        offered = yaml.safe_load(file)["offers"]["collection"]["params"]["distance"]["values"]
    tell("every distance that a claim may name is one", sorted(set(offered) ^ {d.value for d in models.Distance}))
    # What the keeper of backups was seen to call (keep-qdrant.sh).
    with open(f"{REPO}/builder/tests/schemas/qdrant.calls", encoding="utf-8") as file:
        kept = file.read().splitlines()
    for call in kept:
        tell(f"{call} is a call of the API", "" if call in calls else f"not among {len(calls)}")
    for model, fields in (("CollectionsResponse", ["collections"]), ("CollectionDescription", ["name"]), ("SnapshotDescription", ["name", "size"]),
                          ("CollectionInfo", ["config"]), ("CollectionConfig", ["params"]), ("CollectionParams", ["vectors"]), ("VectorParams", ["size", "distance"])):
        tell(f"{model} has {' and '.join(fields)}", sorted(set(fields) - set(getattr(models, model).model_fields)))
    tell("a snapshot may be what counts when one is brought back", "" if "snapshot" in {p.value for p in models.SnapshotPriority} else "no such priority")


def queries(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "expr":
                yield inner
            else:
                yield from queries(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from queries(inner)


def parsed(query):
    try:
        promql_parser.parse(query)
        return ""
    except ValueError as error:
        return str(error)


def dashboards():
    for name in ("overview.json", "layer.json.in"):
        with open(f"{REPO}/overlays/observability/grafana/{name}", encoding="utf-8") as file:
            found = list(queries(json.loads(file.read().replace("${each}", "data"))))
        tell(f"{name} has queries", "" if found else "none")
        for query in found:
            tell(f"{name}: {query}", parsed(query))
    tell("sum by (a (b) is no query", "" if parsed("sum by (a (b)") else "taken")


def settings(service):
    with open(glob.glob(f"{REPO}/overlays/*/{service}/service.yaml")[0], encoding="utf-8") as file:
        return {name: one.get("default") for name, one in yaml.safe_load(file)["settings"].items()}


def role(expression, claims):
    try:
        return jmespath.search(expression, claims)
    except jmespath.exceptions.JMESPathError as error:
        return type(error).__name__


def roles():
    """Of people as Keycloak tells of them: who is in no group has no such claim."""
    with open(f"{REPO}/builder/tests/golden/upstream/observed.txt", encoding="utf-8") as file:
        expression = re.search('^Environment="GF_AUTH_GENERIC_OAUTH_ROLE_ATTRIBUTE_PATH=(.*)"$', file.read(), flags=re.M)[1]
    for groups, want in ((None, "None"), ([], "None"), (["/users"], "Viewer"), (["/editors2", "/x/admins", "/users2"], "None"), (["/users", "/editors"], "Editor"),
                         (["/admins", "/users"], "GrafanaAdmin"), (["/editors", "/admins"], "GrafanaAdmin")):
        got = role(expression, {"sub": "x"} if groups is None else {"sub": "x", "groups": groups})
        tell(f"in Grafana who is in {groups} is {want}", "" if got == want else f"{got} by {expression}")
    got = role("contains(groups, '/admins') && 'Admin' || 'Viewer'", {"sub": "x"})
    tell("what is asked of no groups at all is refused", "" if got == "JMESPathTypeError" else got)
    everybody = expression.replace("'/users'", "''")
    got = role(everybody, {"sub": "x"})
    tell("without a group of viewers everybody is one", "" if got == "Viewer" and everybody != expression else f"{got} by {everybody}")
    grafana, realm = settings("grafana"), {f"/{name}" for name in settings("keycloak")["groups"]}
    tell("the realm has the groups of Grafana's roles", sorted({grafana["admins"], grafana["editors"], grafana["viewers"]} - realm))


qdrant()
dashboards()
roles()
