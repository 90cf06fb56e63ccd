"""Headless Chromium, driven by WebDriver over HTTP (W3C, WebDriver; the DevTools protocol where that has no word for it)."""
import base64
import http.client
import json
import re
import subprocess
import time

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """Ends with end(), and else with the program that started it. LookupError is WebDriver's refusal, in its words."""

    def __init__(self, rules, size, patience, **capabilities):
        """rules: where names lead (--host-resolver-rules); size: "WIDTH,HEIGHT"; patience: seconds for a page or a script."""
        self.patience = patience
        # pylint: disable-next=consider-using-with
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.at = next((int(m[1]) for m in (re.search(r"successfully on port (\d+)", line) for line in self.driver.stdout) if m), None)
        if not self.at:
            raise SystemExit(f"chromedriver does not start: it ended with {self.driver.wait()}")
        args = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--window-size={size}",
                "--disable-background-networking", "--disable-component-update", "--no-first-run", f"--host-resolver-rules={rules}"]
        self.session = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": {"args": args}, "timeouts": {"pageLoad": patience * 1000, "script": patience * 1000},
            **capabilities}}}, at="")["sessionId"]

    def ask(self, method, path, body=None, at=None):
        c = http.client.HTTPConnection("127.0.0.1", self.at, timeout=2 * self.patience)
        c.request(method, (f"/session/{self.session}" if at is None else at) + path, json.dumps(body or {}) if method == "POST" else None)
        answer = json.load(c.getresponse())["value"]
        if isinstance(answer, dict) and "error" in answer:
            raise LookupError(f"{answer['error']}: {answer['message'].splitlines()[0]}")
        return answer

    def devtools(self, command, **params):
        return self.ask("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def go(self, url):
        self.ask("POST", "/url", {"url": url})

    def url(self):
        return self.ask("GET", "/url")

    def script(self, text):
        return self.ask("POST", "/execute/sync", {"script": text, "args": []})

    def later(self, text):
        """A script that calls its last argument when it is done."""
        return self.ask("POST", "/execute/async", {"script": text, "args": []})

    def text(self):
        return self.script("return document.body ? document.body.innerText : ''")

    def find(self, css):
        try:
            return self.ask("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]
        except LookupError:
            return None

    def until(self, condition):
        """What condition gives as soon as that is something, else None."""
        end = time.monotonic() + self.patience
        while time.monotonic() < end:
            try:
                found = condition()
            except LookupError: # a page that goes away meanwhile
                found = None
            if found:
                return found
            time.sleep(0.2)
        return None

    def keys(self, *keys):
        self.ask("POST", "/actions", {"actions": [{"type": "key", "id": "k", "actions": [
            a for k in keys for a in ({"type": "keyDown", "value": k}, {"type": "keyUp", "value": k})]}]})

    def console(self):
        return [e["message"] for e in self.ask("POST", "/se/log", {"type": "browser"})]

    def picture(self, file):
        with open(file, "wb") as f:
            f.write(base64.b64decode(self.ask("GET", "/screenshot")))

    def end(self):
        try:
            self.ask("DELETE", "")
        finally:
            self.driver.kill()
            self.driver.wait()
