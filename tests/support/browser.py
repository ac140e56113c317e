"""Headless Chromium driven over the WebDriver protocol, with the standard library alone.

https://www.w3.org/TR/webdriver2/ and, below `/goog/cdp`, the DevTools protocol.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # root, as in containers, has no other way
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c", "Space": " ", "End": "\ue010"}
KEYS |= {"Left": "\ue012", "Right": "\ue014"}


def missing() -> str:
    """Why there is no browser to test with; empty if there is one."""
    gone = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"{' and '.join(gone)} not installed (Debian: chromium, chromium-driver)" if gone else ""


class Browser:
    """One window."""

    def __init__(self, base: str) -> None:
        self.base = base

    def call(self, path: str, body: dict[str, Any] | None = None, method: str = "POST") -> Any:
        """A command of WebDriver; its value."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        # no proxy of the environment: the driver is on this machine
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()[:600]}") from None

    def devtools(self, command: str, **parameters: Any) -> Any:
        """A command of the DevTools protocol."""
        return self.call("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, page: Path, fragment: str = "") -> None:
        """Load a file afresh; what came before is no longer in `complaints` and `requests`."""
        self.call("/url", {"url": "about:blank"})
        self.complaints()
        self.requests()
        address = page.resolve().as_uri() + fragment
        self.call("/url", {"url": address})
        # on a busy machine the driver may answer before the scripts of the page have run
        until = time.monotonic() + 30
        there = "return document.readyState == 'complete' && location.href == arguments[0]"
        while not self.run(there, address):
            assert time.monotonic() < until, f"{address} did not load"
            time.sleep(0.05)

    def run(self, script: str, *arguments: Any) -> Any:
        """The value that a function body returns in the page."""
        return self.call("/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, script: str) -> None:
        """Until a function body returns true, as it does when an event of the page has come."""
        until = time.monotonic() + 10
        while not self.run(script):
            assert time.monotonic() < until, f"never: {script}"
            time.sleep(0.05)

    def text(self, selector: str) -> str:
        """The visible text of the first match."""
        return str(self.run("return document.querySelector(arguments[0]).innerText", selector))

    def size(self, width: int, height: int) -> None:
        """The viewport in CSS pixels, as a phone or a desktop has it."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def prefer(self, **features: str) -> None:
        """Media features, such as prefers_color_scheme="dark"."""
        chosen = [{"name": k.replace("_", "-"), "value": v} for k, v in features.items()]
        self.devtools("Emulation.setEmulatedMedia", features=chosen)

    def press(self, *names: str) -> None:
        """Keys, one after the other, to whatever has the focus."""
        strokes = []
        for name in names:
            value = KEYS.get(name, name)
            strokes += [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
        self.call("/actions", {"actions": [{"type": "key", "id": "keys", "actions": strokes}]})

    def choose(self, selector: str, value: str) -> None:
        """Set a select, as a user would."""
        self.run(
            "const s = document.querySelector(arguments[0]); s.value = arguments[1];"
            "s.dispatchEvent(new Event('change', {bubbles: true}))",
            selector,
            value,
        )

    def complaints(self) -> list[str]:
        """Warnings and errors of the console since the last call."""
        entries = self.call("/se/log", {"type": "browser"})
        return [e["message"] for e in entries if e["level"] in ("WARNING", "SEVERE")]

    def requests(self) -> list[str]:
        """Addresses that pages asked for since the last call; data within a page does not count."""
        found = []
        for entry in self.call("/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
        return [url for url in found if not url.startswith("data:")]

    def picture(self, path: Path, whole: bool = True) -> None:
        """A PNG of the page, or of what is in view."""
        shot = self.devtools("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A browser with an empty profile, which ends with the block."""
    driver = subprocess.Popen(
        ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            base = f"http://127.0.0.1:{_port(driver)}/session"
            session = Browser(base).call("", _wishes(profile))
            window = Browser(f"{base}/{session['sessionId']}")
            try:
                yield window
            finally:
                window.call("", None, "DELETE")
    finally:
        driver.terminate()
        driver.wait(10)


def _wishes(profile: str) -> dict[str, Any]:
    chrome = {
        "binary": shutil.which("chromium"),
        "args": [*FLAGS, f"--user-data-dir={profile}"],
    }
    logs = {"browser": "ALL", "performance": "ALL"}
    wanted = {
        "browserName": "chrome",
        "goog:chromeOptions": chrome,
        "goog:loggingPrefs": logs,
    }
    return {"capabilities": {"alwaysMatch": wanted}}


def _port(driver: subprocess.Popen[str]) -> int:
    assert driver.stdout is not None
    for line in driver.stdout:
        found = re.search(r"started successfully on port (\d+)", line)
        if found:
            return int(found[1])
    raise AssertionError("chromedriver did not start")
