#!/usr/bin/python3
"""The appliance's page in headless Chromium, driven by WebDriver over HTTP; prints TAP without the plan.

agent-page-browser.py AGENT DIR REPORT [AXE]     DIR is its scratch directory, AXE the file axe.min.js; in REPORT are the
pictures afterwards, and index.html, which shows them with what was found at each
"""
import html
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.append(f"{os.path.dirname(os.path.abspath(__file__))}/../../../qemu-test")
# pylint: disable=wrong-import-position
import webdriver

AGENT, DIR, REPORT = sys.argv[1:4]
AXE = sys.argv[4] if len(sys.argv) > 4 else None
TAB, ENTER = "\ue004", "\ue007"
TOLD = []  # what the report says, in order: ("ok" | "not ok" | "skipped" | "picture", text)


def same(name, want, got):
    TOLD.append(("ok" if want == got else "not ok", name))
    print(f"ok - {name}" if want == got else f"not ok - {name}\n# want: {want}\n# got:  {got}", flush=True)


def report():
    """Each picture after what was found at it."""
    with open(f"{REPORT}/index.html", "w") as out:
        out.write("<!doctype html><html lang=en><meta charset=utf-8><title>The appliance's page</title><style>body{font:1rem/1.5 sans-serif;"
                  "margin:1rem auto;max-width:64rem}img{max-width:100%;border:1px solid}figure{margin:1rem 0 2rem}.not{color:#a40e26}</style>"
                  "<h1>The appliance's page in Chromium</h1>\n")
        for kind, text in TOLD:
            text = html.escape(text)
            out.write(f'<figure><img src="{text}.png" alt="{text}"><figcaption>{text}</figcaption></figure>\n' if kind == "picture" else
                      f'<div class="{kind}">{kind}: {text}</div>\n')


def port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Page(webdriver.Browser):
    """No name leads anywhere, and every word in the console is kept."""

    def __init__(self):
        super().__init__("MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "1000,900", 60, **{"goog:loggingPrefs": {"browser": "ALL"}})

    def show(self, name):
        self.picture(f"{REPORT}/{name}.png")
        TOLD.append(("picture", name))


def container(name, health="healthy", reason=None):
    return {"name": name, "unit": f"{name}.service", "address": "10.213.0.11", "health": health, "since_ms": 1, "restarts": 0,
            **({"reason": reason} if reason else {})}


def service(name, layer, summary, health="healthy", reason=None):
    return {"name": name, "layer": layer, "summary": summary, "health": health, "containers": [container(name, health, reason)]}


def publish(state, **changed):
    """As the machine does, every time whole."""
    status = {
        "kiln": 1, "name": "sample", "version": "1", "state": state, "reason": None, "uptime_ms": 100000, "ready_ms": None if state == "starting" else 60000,
        "services": [service("traefik", "edge", "Front door"), service("postgres", "data", "PostgreSQL 17, highly available"),
                     service("grafana", "observability", "Dashboards of what Prometheus collects, behind the sign-on")],
        "provision": [{"id": "grafana.db", "service": "postgres", "title": "grafana claims a database", "state": "done", "step": None, "steps": []}],
        "problems": [], "links": [{"service": "grafana", "claim": "web", "url": "https://grafana.kiln.internal"}],
        "images": [{"name": "traefik", "image": "docker.io/library/traefik:v3.7.15"}], "models": [{"name": "gemma3:270m", "bytes": 291000000, "digest": "f9dc304efa4c1dcb" * 4, "loaded": True}],
        "disk": {"path": "/var", "size": 1 << 34, "available": 1 << 33}, "host": {"kernel": "6.12", "memory": {"size": 1 << 32, "available": 1 << 31}},
        "certificates": [{"id": "ca", "days": 3000}], "refusals": [{"from": "a", "to": "b", "protocol": "tcp", "port": 1, "packets": 2}],
        "backup": {"next": None, "items": [{"id": "postgres.keep", "service": "postgres", "last": None, "error": "no disk"}]},
        "gpu": {"wanted": "nvidia", "kind": "nvidia.com/gpu", "state": "one", "reason": None, "driver": "550.163.01",
                "found": [{"name": "0", "address": "0000:01:00.0", "model": "NVIDIA L4", "driver": "nvidia", "uuid": "GPU-1", "parts": []}],
                "unusable": [], "containers": [{"name": "ollama", "devices": ["all"], "missing": []}]},
        "published_ms": int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000), **changed}
    with open(f"{DIR}/status.new", "w") as f:
        json.dump(status, f)
    os.rename(f"{DIR}/status.new", f"{DIR}/status.json")


def logs(*pieces):
    with open(f"{DIR}/logs.json", "w") as f:
        json.dump({"containers": list(pieces)}, f)


# Text and what is behind it, as WCAG 2 measures: the least contrast of all that is shown.
CONTRAST = """
const parse = c => c.match(/[\\d.]+/g).map(Number), lum = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((a, v, i) => a + v * [.2126, .7152, .0722][i], 0);
const back = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3]) return c } return [255, 255, 255] };
let least = 21;
for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || !e.getClientRects().length || e.matches('script,style,noscript')) continue;
    const a = lum(parse(getComputedStyle(e).color)), b = lum(back(e)), c = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (c < least) least = c;
}
return least"""
SHAPE = """
const all = s => [...document.querySelectorAll(s)], ids = all('[id]').map(e => e.id), wrong = [];
if (document.documentElement.lang !== 'en') wrong.push('lang');
if (all('h1').length !== 1 || all('main').length !== 1) wrong.push('h1, main');
let level = 0; for (const h of all('h1,h2,h3')) { const n = +h.tagName[1]; if (n > level + 1) wrong.push('heading ' + h.textContent); level = n }
if (new Set(ids).size !== ids.length) wrong.push('ids twice');
for (const e of all('[aria-labelledby]')) if (!document.getElementById(e.getAttribute('aria-labelledby'))) wrong.push('label of ' + e.outerHTML.slice(0, 60));
for (const a of all('a,summary')) if (!a.textContent.trim()) wrong.push('name of ' + a.outerHTML);
for (const u of all('ul')) for (const c of u.children) if (c.tagName !== 'LI') wrong.push('list with ' + c.tagName);
return wrong"""


def axe(b, name):
    if not AXE:
        TOLD.append(("skipped", name))
        print(f"ok - {name} # SKIP needs axe-core: npm, and a registry that has it", flush=True)
        return
    with open(AXE) as f:
        b.devtools("Runtime.evaluate", expression=f.read())
    found = b.later("const done = arguments[0]; axe.run(document).then(r => done(r.violations.filter(v => ['serious', 'critical'].includes(v.impact))"
                    ".map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' | ').slice(0, 300))))")
    same(name, [], found)


def sound(b, what):
    """Of a state as it is shown: who cannot see well, or not at all, has it as well."""
    same(f"{what}: every text can be read (4.5 to 1)", True, b.script(CONTRAST) >= 4.5)
    same(f"{what}: headings, labels, lists and names are in order", [], b.script(SHAPE))
    axe(b, f"{what}: axe-core finds nothing serious")
    b.show(what.replace(", ", "-").replace(" ", "-"))


def dark_and_light(b, state):
    for scheme, dark in (("light", False), ("dark", True)):
        b.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        r, g, blue = map(int, re.findall(r"\d+", b.script("return getComputedStyle(document.body).backgroundColor"))[:3])
        same(f"{state}, {scheme}: as the browser wants it", dark, r + g + blue < 200)
        sound(b, f"{state}, {scheme}")
    b.devtools("Emulation.setEmulatedMedia", features=[])


def phone(b, state):
    b.devtools("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
    same(f"{state}, phone: nothing is wider than the screen", True, b.script("return document.documentElement.scrollWidth <= 360"))
    same(f"{state}, phone: what can be touched is large enough", [], b.script(
        "return [...document.querySelectorAll('a,summary')].filter(e => e.getClientRects().length && e.getBoundingClientRect().height < 24).map(e => e.outerHTML)"))
    same(f"{state}, phone: text is not smaller than 13 pixels", True, b.script(
        "return Math.min(...[...document.querySelectorAll('body *')].map(e => parseFloat(getComputedStyle(e).fontSize))) >= 13"))
    sound(b, f"{state}, phone")
    b.devtools("Emulation.clearDeviceMetricsOverride")


def ready(b, at):
    b.go(at)
    text = b.text()
    same("GPU and model are shown", True, "NVIDIA L4" in text and "gemma3:270m 278 MiB, in memory" in text)
    dark_and_light(b, "ready")
    phone(b, "ready")


def first_boot(b, at):
    publish("starting", services=[service("traefik", "edge", "Front door"), service("postgres", "data", "PostgreSQL", "starting", "not running")],
            provision=[{"id": "x.db", "service": "postgres", "title": "x claims a database", "state": "running", "step": "role and database", "steps": []}])
    b.go(at)
    b.script("window.mark = 1")
    text = b.text()
    same("the start: how far it is", True, "1 of 2 services are healthy, 0 of 1 of what they need is set up." in text)
    same("what is waited for, and why", True, "postgres starting: not running" in text and "x claims a database running: role and database" in text)
    dark_and_light(b, "first boot")
    phone(b, "first boot")
    publish("ready")
    same("it goes on by itself", True, bool(b.until(lambda: "ready: 3 of 3 services healthy" in b.text())))
    same("without being loaded again", 1, b.script("return window.mark"))
    same("also its title", "sample: ready", b.script("return document.title"))


def failure(b, at):
    hostile = "<img src=x onerror=\"document.title='bad'\"><script>document.title='bad'</script>"
    b.script("document.querySelector('#images').open = true; document.querySelector('#images-open').focus()")
    publish("degraded", services=[service("traefik", "edge", "Front door"), service("postgres", "data", "PostgreSQL", "unhealthy", f"HTTP 503 {hostile}")])
    same("a service that fails is shown, with the reason", True, bool(b.until(lambda: "postgres unhealthy: HTTP 503 <img src=x" in b.text())))
    same("a value that is HTML is text", [0, "sample: degraded"], b.script("return [document.querySelectorAll('main img, main script').length, document.title]"))
    same("what was open is open still", True, b.script("return document.querySelector('#images').open"))
    same("what had the focus has it", "images-open", b.script("return document.activeElement.id"))
    dark_and_light(b, "failure")
    phone(b, "failure")
    same("no log for who has not signed on", False, "FATAL" in b.text())
    b.devtools("Network.enable")
    b.devtools("Network.setExtraHTTPHeaders", headers={"X-Auth-Request-User": "owner", "X-Auth-Request-Groups": "/admins"})
    same("its log for who has", True, bool(b.until(lambda: "FATAL: <b>out of</b> space" in b.text())))
    same("it is open, and who has signed on is told so", [True, True], [b.script("return document.querySelector('#log-container-postgres').open"),
                                                                        "Signed on as owner." in b.text()])
    dark_and_light(b, "open log")
    phone(b, "open log")
    logs()
    publish("ready")
    same("signed on, and nothing fails: no logs", True, bool(b.until(lambda: "ready: 3 of 3" in b.text() and "Logs" not in b.text())))
    dark_and_light(b, "signed on")
    phone(b, "signed on")
    b.devtools("Network.setExtraHTTPHeaders", headers={})


def passes(b, ready_ms):
    """The machine goes on, and the page has been asked for again: what both services and times show differs then."""
    publish("ready", uptime_ms=200000 + ready_ms, ready_ms=ready_ms)
    same(f"it goes on, {ready_ms // 1000} s", True, bool(b.until(lambda: "Was ready after" in b.text() and f"{ready_ms // 1000} s" in b.script(
        "return document.querySelector('[aria-labelledby=machine] dl').innerText"))))


def reading(b, at):
    """What the reader does stays done, while all around it changes."""
    b.devtools("Network.setExtraHTTPHeaders", headers={"X-Auth-Request-User": "owner", "X-Auth-Request-Groups": "/admins"})
    logs({"name": "postgres", "lines": "FATAL: a line to copy"})
    publish("ready")
    b.go(at)
    b.script("""
        const log = document.querySelector('#log-container-postgres pre').firstChild;
        getSelection().setBaseAndExtent(log, 7, log, 21);
        window.before = ['#images', '[aria-labelledby=machine] dt', '[aria-labelledby=services] li'].map(s => document.querySelector(s))""")
    passes(b, 61000)
    same("what is selected stays so", "a line to copy", b.script("return getSelection().toString()"))
    same("what has not changed is the same element, for who is at it without seeing", [True] * 3, b.script("return window.before.map(e => e.isConnected)"))
    logs({"name": "postgres", "lines": "FATAL: another line"})
    passes(b, 62000)
    same("a part waits while a selection is in it", ["a line to copy", False], [b.script("return getSelection().toString()"), "another line" in b.text()])
    b.script("getSelection().removeAllRanges()")
    same("and no longer", True, bool(b.until(lambda: "another line" in b.text())))
    b.script("document.querySelector('#log-container-postgres').open = false")
    passes(b, 63000)
    same("what the reader closed stays closed", False, b.script("return document.querySelector('#log-container-postgres').open"))
    b.script("const dt = document.querySelector('[aria-labelledby=machine] dt').firstChild; getSelection().setBaseAndExtent(dt, 0, dt, 5)")
    publish("degraded", problems=[{"what": "render", "why": "no file"}])
    same("the state does not wait, and what is new has its place", ["problems", "logs", "links", "services", "setup", "machine"], b.until(
        lambda: "sample: degraded" == b.script("return document.title") and "render: no file" in b.text() and b.script(
            "return [...document.querySelector('main').children].map(e => e.getAttribute('aria-labelledby')).filter(e => e !== 'start')")))
    same("nor does that end the selection", "Image", b.script("return getSelection().toString()"))
    logs()
    publish("ready")
    same("what is no more goes", ["links", "services", "setup", "machine"], b.until(lambda: "render" not in b.text() and b.script(
        "return [...document.querySelector('main').children].map(e => e.getAttribute('aria-labelledby'))")))
    b.devtools("Network.setExtraHTTPHeaders", headers={})


def unanswered(b, what):
    """The page says it, and since when."""
    def silent():
        return b.script("return document.title") == "sample: no answer"
    same(f"{what}: its title says that there is no answer", True, bool(b.until(silent)))
    same(f"{what}: so does the state, and nothing else", [True, "rgb(164, 14, 38)"], [
        bool(re.fullmatch(r"No answer from the appliance since \d\d:\d\d:\d\d\. What is below is from then\.", b.script("return document.querySelector('#state').innerText"))),
        b.script("return getComputedStyle(document.querySelector('#state p')).color")])


def answered(b, what):
    same(f"{what}: all is as before", True, bool(b.until(lambda: b.script("return document.title") == "sample: ready" and b.script(
        "return document.querySelector('#state').innerText").startswith("ready: 3 of 3"))))


def silence(b, page):
    """The machine hangs: it takes the connection, and says nothing."""
    page.send_signal(signal.SIGSTOP)
    unanswered(b, "it hangs")
    dark_and_light(b, "no answer")
    page.send_signal(signal.SIGCONT)
    answered(b, "it goes on")


def keyboard(b, at):
    publish("ready")
    b.go(at)
    reached = []
    for _ in range(12):
        b.keys(TAB)
        reached.append(b.script("return document.activeElement.id"))
    want = b.script("return [...document.querySelectorAll('a,summary')].filter(e => e.getClientRects().length).map(e => e.id)")
    same("the key Tab reaches all there is to use, in order", want, reached[:len(want)])
    b.script("document.querySelector('#images-open').focus()")
    same("what has the focus is seen to have it", True, b.script("return parseFloat(getComputedStyle(document.activeElement).outlineWidth) >= 2"))
    b.keys(ENTER)
    same("Enter opens it", True, b.script("return document.querySelector('#images').open"))


def without_script(b, at):
    b.devtools("Emulation.setScriptExecutionDisabled", value=True)
    publish("starting")
    b.go(at)
    def title():
        return b.ask("GET", "/title")
    same("without script it is the same page", "sample: starting", title())
    publish("ready")
    same("and comes again by itself", True, bool(b.until(lambda: title() == "sample: ready")))
    b.devtools("Emulation.setScriptExecutionDisabled", value=False)


class FrontDoor(http.server.BaseHTTPRequestHandler):
    """Without the page behind it, and then with a gate."""
    root = 503

    def do_GET(self):
        body = b"<title>sign on</title>please sign on"
        self.send_response(self.root if self.path == "/" else 200)
        self.send_header("Location", "/sign-in")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def serve(here, inside):
    return subprocess.Popen([AGENT, "page", "--address", "127.0.0.1", "--port", str(here), "--metrics", str(inside), "--from", DIR, "--group", "/admins"])


def main():
    here, inside = port(), port()
    at = f"http://127.0.0.1:{here}/"
    logs({"name": "postgres", "lines": "FATAL: <b>out of</b> space"})
    publish("ready")
    page = serve(here, inside)
    b = Page()
    try:
        ready(b, at)
        first_boot(b, at)
        failure(b, at)
        reading(b, at)
        silence(b, page)
        keyboard(b, at)
        without_script(b, at)
        b.go(at)
        same("nothing came from elsewhere", [], [u for u in b.script("return performance.getEntriesByType('resource').map(e => e.name)")
                                                 if not u.startswith((at, "data:"))])
        same("the console has nothing to complain of", [], b.console())
        page.terminate()
        page.wait()
        unanswered(b, "it is gone")
        page = serve(here, inside)
        answered(b, "it is there again")
        page.terminate()
        page.wait()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", here), FrontDoor)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        unanswered(b, "the front door has nobody to ask")
        FrontDoor.root = 302
        same("where the way leads to the sign-on, the browser goes there", True, bool(b.until(lambda: b.script("return document.title") == "sign on")))
    finally:
        report()
        b.end()
        page.kill()
        page.wait()


main()
