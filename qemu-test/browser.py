"""A browser and a person in it, for the visits of scenarios: headless Chromium, driven by WebDriver over HTTP.

What runs it is told in the environment where the machine is, what its CA is and what its console shows (`visit`, in
docs/writing-a-scenario.md). `run` starts the browser for a visit and ends it.
"""
import base64
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.parse

DOMAIN = "kiln.internal"
HOME, REPORT, SCENARIO = os.environ["HOME"], os.environ["KILN_REPORT"], os.environ["KILN_SCENARIO"]
ADDRESS, CA = os.environ["KILN_ADDRESS"], os.environ["KILN_CA"]
PORTS = {int(port): int(there) for port, there in (pair.split("=") for pair in os.environ["KILN_PORTS"].split())}
NEW = {"owner": "a-new-password-of-the-owner", "admin": "a-new-password-of-the-admin", "guest": "a-new-password-of-the-guest"}
PATIENCE = 600  # a processor that is emulated takes its time
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def ok(text):
    print(f"ok   {text}", flush=True)


def need(holds, text, seen=""):
    if not holds:
        raise SystemExit(f"FAIL {text}{': ' if seen else ''}{seen}")
    ok(text)


class Browser:
    """As much of WebDriver as the visits need."""

    def __init__(self):
        self.shots = 0
        # All that is started here ends with this program.
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.at = next((int(m[1]) for m in (re.search(r"successfully on port (\d+)", line) for line in self.driver.stdout) if m), None)
        need(self.at, "chromedriver is there")
        # The site's names lead to where the machine's ports are, and no other name leads anywhere.
        rules = [f"MAP {name}:{port} {ADDRESS}:{there}" for port, there in PORTS.items() for name in (DOMAIN, f"*.{DOMAIN}")] + ["MAP * ~NOTFOUND"]
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1000,800",
                            "--disable-background-networking", "--disable-component-update", "--no-first-run",
                            f"--host-resolver-rules={', '.join(rules)}"]}
        self.session = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options, "pageLoadStrategy": "normal",
            "timeouts": {"pageLoad": PATIENCE * 1000, "script": PATIENCE * 1000}}}}, at="")["sessionId"]

    def ask(self, method, path, body=None, at=None):
        where = f"/session/{self.session}" if at is None else at
        c = http.client.HTTPConnection("127.0.0.1", self.at, timeout=2 * PATIENCE)
        c.request(method, where + path, json.dumps(body if body is not None else {}) if method == "POST" else None)
        answer = json.load(c.getresponse())["value"]
        if isinstance(answer, dict) and "error" in answer:
            raise LookupError(f"{answer['error']}: {answer['message'].splitlines()[0]}")
        return answer

    def go(self, url):
        self.ask("POST", "/url", {"url": url})

    def url(self):
        return self.ask("GET", "/url")

    def script(self, text):
        return self.ask("POST", "/execute/sync", {"script": text, "args": []})

    def text(self):
        return self.script("return document.body ? document.body.innerText : ''")

    def find(self, css):
        try:
            return self.ask("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]
        except LookupError:
            return None

    def wait(self, what, condition):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                found = condition()
            except LookupError: # a page that goes away meanwhile
                found = None
            if found:
                return found
            time.sleep(0.2)
        self.picture("failed")
        raise SystemExit(f"FAIL not within {PATIENCE} s: {what}; at {self.url()}: {self.text()[:500]}")

    def fill(self, css, text):
        element = self.wait(f"a field {css}", lambda: self.find(css))
        self.ask("POST", f"/element/{element}/clear")
        self.ask("POST", f"/element/{element}/value", {"text": text})

    def click(self, css):
        self.ask("POST", f"/element/{self.wait(f'a button {css}', lambda: self.find(css))}/click")

    def status(self):
        return self.script("return performance.getEntriesByType('navigation')[0].responseStatus")

    def picture(self, name):
        self.shots += 1
        file = f"{SCENARIO}-{sys.argv[1]}-{self.shots:02}-{name}.png"
        with open(f"{REPORT}/{file}", "wb") as f:
            f.write(base64.b64decode(self.ask("GET", "/screenshot")))
        print(f"picture {file}", flush=True)

    def forget(self):
        """As a new browser: no cookies of any site."""
        self.ask("POST", "/goog/cdp/execute", {"cmd": "Network.clearBrowserCookies", "params": {}})

    def cookie(self, name):
        all_ = self.ask("POST", "/goog/cdp/execute", {"cmd": "Network.getAllCookies", "params": {}})["cookies"]
        return [c for c in all_ if c["name"] == name]

    def end(self):
        try:
            self.ask("DELETE", "")
        finally:
            self.driver.kill()
            self.driver.wait()


class Names(http.client.HTTPSConnection):
    """The site's name for the certificate and the request, the machine's address to connect to."""
    trust = ssl.create_default_context(cafile=CA)

    def connect(self):
        plain = socket.create_connection((ADDRESS, PORTS[self.port]), self.timeout)
        self.sock = self.trust.wrap_socket(plain, server_hostname=self.host)


def call(method, host, path, body=None, headers=None, patience=PATIENCE):
    c = Names(f"{host}.{DOMAIN}" if host else DOMAIN, 443, timeout=patience)
    c.request(method, path, body, headers or {})
    answer = c.getresponse()
    return answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), answer.read().decode(errors="replace")


def form(host, path, **fields):
    return call("POST", host, path, urllib.parse.urlencode(fields), {"Content-Type": "application/x-www-form-urlencoded"})


def login_page(b):
    """Keycloak's first page after its start may come too late for the front door on a busy machine: people ask again."""
    late = 0

    def there():
        nonlocal late
        if b.text().strip() == "Gateway Timeout" and late < 3:
            late += 1
            b.ask("POST", "/refresh")
        return b.url().startswith(f"https://auth.{DOMAIN}/realms/") and b.find("#username")
    b.wait("the login of Keycloak", there)
    if late:
        print(f"     asked again {late} times: the front door had no answer in time", flush=True)


def sign_on(b, user, password):
    b.fill("#username", user)
    b.fill("#password", password)
    b.click("#kc-login")


def new_password(b, password):
    b.fill("#password-new", password)
    b.fill("#password-confirm", password)
    b.click("input[type=submit], button[type=submit]")


def admin(method, path, body=None):
    """As the administrator, who signs on each time: a token is good for a minute."""
    status, _, text = form("auth", "/realms/master/protocol/openid-connect/token", grant_type="password", client_id="admin-cli",
                           username="admin", password=NEW["admin"])
    if status != 200:
        raise SystemExit(f"FAIL the administrator is refused: {status} {text[:300]}")
    status, _, text = call(method, "auth", "/admin/realms" + (f"/{path}" if path else ""), json.dumps(body) if body is not None else None,
                           {"Authorization": f"Bearer {json.loads(text)['access_token']}", "Content-Type": "application/json"})
    if status not in (200, 201, 204):
        raise SystemExit(f"FAIL {method} {path} answers {status}: {text[:300]}")
    return json.loads(text) if text else None


def console():
    with open(os.environ["KILN_CONSOLE"], encoding="utf-8", errors="replace") as f:
        return f.read()


def first_passwords():
    """Of owner and admin, as the console shows them."""
    shown = {who: re.findall(f"first password of (?:the administrator )?'{who}': (\\S+)", console()) for who in ("owner", "admin")}
    need(all(len(v) == 1 for v in shown.values()), "each first password is on the console once", {k: len(v) for k, v in shown.items()})
    return {who: v[0] for who, v in shown.items()}


def first_administration(b, password):
    """The administrator, of another realm, changes the password of the console, and makes a guest."""
    b.go(f"https://auth.{DOMAIN}/admin/")
    b.wait("the administrator's login", lambda: b.find("#username"))
    sign_on(b, "admin", password)
    b.wait("the change of the password", lambda: b.find("#password-new"))
    ok("the administrator's first password has to be changed, too")
    new_password(b, NEW["admin"])
    b.wait("the administration", lambda: "/admin/master/console" in b.url() and not b.find("#password-new") and len(b.text()) > 100)
    b.picture("administration")
    ok("the administrator is in")
    admin("POST", "site/users", {
        "username": "guest", "enabled": True, "email": f"guest@{DOMAIN}", "emailVerified": True, "firstName": "Guest", "lastName": "Test",
        "groups": ["/users"], "credentials": [{"type": "password", "value": NEW["guest"], "temporary": False}]})
    b.forget()


def run(visit, *words, ca=CA):
    """Trusts one CA, the appliance's own or what the file ca has, and plays the visit."""
    Names.trust = ssl.create_default_context(cafile=ca)
    store = f"{HOME}/.pki/nssdb"
    shutil.rmtree(store, ignore_errors=True)
    os.makedirs(store)
    for command in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "kiln", "-i", ca]):
        subprocess.run(["certutil", "-d", f"sql:{store}", *command], check=True, timeout=60)
    b = Browser()
    try:
        visit(b, *words)
    finally:
        b.end()
