"""A person with a browser, for the visits of scenarios.

What runs it is told in the environment where the machine is, what its CA is and what its console shows (`visit`, in
docs/writing-a-scenario.md). `run` starts the browser for a visit and ends it.
"""
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import urllib.parse

import webdriver

DOMAIN = "kiln.internal"
HOME, REPORT, SCENARIO = os.environ["HOME"], os.environ["KILN_REPORT"], os.environ["KILN_SCENARIO"]
ADDRESS, CA = os.environ["KILN_ADDRESS"], os.environ["KILN_CA"]
PORTS = {int(port): int(there) for port, there in (pair.split("=") for pair in os.environ["KILN_PORTS"].split())}
NEW = {"owner": "a-new-password-of-the-owner", "admin": "a-new-password-of-the-admin", "guest": "a-new-password-of-the-guest"}
PATIENCE = 600  # a processor that is emulated takes its time


def ok(text):
    print(f"ok   {text}", flush=True)


def need(holds, text, seen=""):
    if not holds:
        raise SystemExit(f"FAIL {text}{': ' if seen else ''}{seen}")
    ok(text)


class Visitor(webdriver.Browser):
    """The site's names lead to where the machine's ports are, and no other name leads anywhere."""

    def __init__(self):
        rules = [f"MAP {name}:{port} {ADDRESS}:{there}" for port, there in PORTS.items() for name in (DOMAIN, f"*.{DOMAIN}")] + ["MAP * ~NOTFOUND"]
        super().__init__(", ".join(rules), "1000,800", PATIENCE)
        self.shots = 0

    def wait(self, what, condition):
        found = self.until(condition)
        if not found:
            self.show("failed")
            raise SystemExit(f"FAIL not within {PATIENCE} s: {what}; at {self.url()}: {self.text()[:500]}")
        return found

    def fill(self, css, text):
        element = self.wait(f"a field {css}", lambda: self.find(css))
        self.ask("POST", f"/element/{element}/clear")
        self.ask("POST", f"/element/{element}/value", {"text": text})

    def click(self, css):
        self.ask("POST", f"/element/{self.wait(f'a button {css}', lambda: self.find(css))}/click")

    def status(self):
        return self.script("return performance.getEntriesByType('navigation')[0].responseStatus")

    def show(self, name):
        """A picture for the report."""
        self.shots += 1
        file = f"{SCENARIO}-{sys.argv[1]}-{self.shots:02}-{name}.png"
        self.picture(f"{REPORT}/{file}")
        print(f"picture {file}", flush=True)

    def forget(self):
        """As a new browser: no cookies of any site."""
        self.devtools("Network.clearBrowserCookies")

    def cookie(self, name):
        return [c for c in self.devtools("Network.getAllCookies")["cookies"] if c["name"] == name]


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
    b.show("administration")
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
    b = Visitor()
    try:
        visit(b, *words)
    finally:
        b.end()
