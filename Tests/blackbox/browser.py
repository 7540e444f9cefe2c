"""A headless Chromium, driven over its DevTools protocol; it needs Debian's `chromium` (make browsers)."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.request

BINARY = shutil.which("chromium")
START_SECONDS_MAX = 30


def reason_not_to():
    """Why no browser can be used here; None when one can."""
    if BINARY is None:
        return "Debian's chromium is not installed (make browsers)"
    try:
        import websockets.sync.client  # noqa: F401
    except ImportError:
        return "the Python package websockets is not installed (make .build-venv/complete)"
    return None


class ScriptError(Exception):
    """What a script in the page threw."""


class Browser:
    """One browser with a profile of its own. `ca` is a PEM file it trusts."""

    def __init__(self, ca=None):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="fanfare-browser-"))
        if ca:
            self._trust(ca)
        command = [BINARY, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
                   f"--user-data-dir={self.home / 'profile'}", "--remote-debugging-port=0", "about:blank"]
        self.process = subprocess.Popen(command, env=os.environ | {"HOME": str(self.home)}, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.port = self._await_port()

    def _trust(self, ca):
        database = self.home / ".pki" / "nssdb"
        database.mkdir(parents=True)
        for arguments in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "tests", "-i", ca]):
            subprocess.run(["certutil", "-d", f"sql:{database}", *arguments], check=True, capture_output=True, timeout=20)

    def _await_port(self):
        file = self.home / "profile" / "DevToolsActivePort"
        end = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < end:
            if file.exists() and (lines := file.read_text().split("\n")) and len(lines) > 1:
                return int(lines[0])
            if self.process.poll() is not None:
                raise AssertionError(f"chromium ended with {self.process.returncode}")
            time.sleep(0.05)
        raise AssertionError(f"chromium was not ready within {START_SECONDS_MAX} s")

    def page(self, url):
        """A new tab that shows `url`."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/json/new?about:blank", method="PUT")
        with opener.open(request, timeout=20) as answer:
            page = Page(json.load(answer)["webSocketDebuggerUrl"])
        page.show(url)
        return page

    def close(self):
        self.process.kill()
        self.process.wait(10)
        shutil.rmtree(self.home, ignore_errors=True)


class Page:
    """One tab. `run` evaluates the body of an async function and returns what it returns."""

    def __init__(self, url):
        from websockets.sync.client import connect
        self.connection = connect(url, max_size=None, proxy=None)
        self.number = 0
        self._complaints = []
        self.call("Runtime.enable")
        self.call("Log.enable")

    def call(self, method, **parameters):
        self.number += 1
        self.connection.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.connection.recv(timeout=30))
            self._note(message)
            if message.get("id") == self.number:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']}")
                return message["result"]

    def _note(self, event):
        """Keeps what the console would show as an error or a warning."""
        parameters = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self._complaints.append(json.dumps(parameters["exceptionDetails"]))
        elif event.get("method") == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
            self._complaints.append(json.dumps(parameters["args"]))
        elif event.get("method") == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self._complaints.append(json.dumps(parameters["entry"]))

    def complaints(self):
        """Errors and warnings in the console until now."""
        self.run("return 0")
        return list(self._complaints)

    def show(self, url):
        answer = self.call("Page.navigate", url=url)
        if "errorText" in answer:
            raise ScriptError(answer["errorText"])
        end = time.monotonic() + 15
        while self.run("return location.href + document.readyState") != url + "complete":
            if time.monotonic() > end:
                raise AssertionError(f"{url} was not shown: {self.run('return location.href')}")
            time.sleep(0.02)

    def run(self, body):
        answer = self.call("Runtime.evaluate", expression=f"(async () => {{ {body} }})()", awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise ScriptError(answer["exceptionDetails"].get("exception", {}).get("description", str(answer)))
        return answer["result"].get("value")

    def close(self):
        self.connection.close()
