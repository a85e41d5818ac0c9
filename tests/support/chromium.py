"""A headless Chromium, driven over its DevTools protocol through pipes: no package, no port."""

from __future__ import annotations

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 60  # seconds for one answer, on a machine that is busy
# The protocol is spoken on descriptors 3 and 4.
_LAUNCH = "import os, sys; os.dup2({0}, 3); os.dup2({1}, 4); os.execvp(sys.argv[1], sys.argv[1:])"
_KEYS = {
    "Tab": ("Tab", 9, ""),
    "Enter": ("Enter", 13, "\r"),
    "Escape": ("Escape", 27, ""),
    " ": ("Space", 32, " "),
    "/": ("Slash", 191, "/"),
}


def find() -> str | None:
    """The path of a Chromium or Chrome that starts, None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name)) and _starts(path)), None)


def _starts(path: str) -> bool:
    """Ubuntu's package is a script that asks for a snap."""
    run = subprocess.run([path, "--version"], capture_output=True, check=False, timeout=PATIENCE)
    return run.returncode == 0


class Page:
    """One tab. ``events`` is all that it reported, in order."""

    def __init__(self, send: int, receive: int) -> None:
        self._send, self._receive = send, receive
        self._numbers = itertools.count(1)
        self._rest = b""
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []

    def attach(self) -> None:
        """Open a tab and listen to it."""
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        attached = self.command("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.command(f"{domain}.enable")

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for what it returns."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != number:
            self.events.append(answer)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._receive], [], [], max(0, until - time.monotonic()))
            data = os.read(self._receive, 1 << 16) if ready else b""
            assert data, "Chromium ended or does not answer"
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer

    def named(self, *methods: str) -> list[dict[str, Any]]:
        """The parameters of the events ``methods`` so far."""
        return [event["params"] for event in self.events if event.get("method") in methods]

    def open(self, url: str) -> None:
        """Go to ``url`` and wait until it has loaded."""
        self.events.clear()
        self.command("Page.navigate", url=url)
        while not self.named("Page.loadEventFired"):
            self.events.append(self._next())
        self.settle()

    def settle(self) -> None:
        """Wait for two frames, so that what was started has been done and reported."""
        self.js("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def js(self, expression: str) -> Any:
        """The value of a JavaScript expression; of a promise, what it resolves to."""
        found = self.command(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press and release a key, as a person does."""
        code, number, text = _KEYS.get(key, (f"Key{key.upper()}", ord(key[0].upper()), key))
        common = {
            "key": key,
            "code": code,
            "windowsVirtualKeyCode": number,
            "modifiers": 8 * shift,
        }
        down = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        self.command("Input.dispatchKeyEvent", **common, **down)
        self.command("Input.dispatchKeyEvent", **common, type="keyUp")
        self.settle()

    def media(self, *, scheme: str = "light", medium: str = "screen") -> None:
        """Show the page as in ``scheme`` (light or dark), on screen or in print."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.command("Emulation.setEmulatedMedia", media=medium, features=features)

    def size(self, width: int, height: int, scale: float = 1) -> None:
        """The size of the window, in CSS pixels."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )

    def screenshot(self) -> bytes:
        """What the window shows, as PNG."""
        return base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"])


@contextmanager
def chromium(path: str, profile: Path) -> Iterator[Page]:
    """Run the browser at ``path`` with a profile of its own, and end it."""
    (child_in, send), (receive, child_out) = os.pipe(), os.pipe()
    # Out of the way of 3 and 4, which the child's ends become.
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (child_in, child_out)]
    os.close(child_in)
    os.close(child_out)
    options = (
        *("--headless=new", "--remote-debugging-pipe", "--no-first-run", "--no-sandbox"),
        *("--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions", "--hide-scrollbars"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *("--no-default-browser-check", "--force-color-profile=srgb", "--lang=en"),
        f"--user-data-dir={profile}",
    )
    process = subprocess.Popen(
        [sys.executable, "-c", _LAUNCH.format(*high), path, *options, "about:blank"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=high,
        start_new_session=True,
    )
    for fd in high:
        os.close(fd)
    page = Page(send, receive)
    try:
        page.attach()
        yield page
        page._session = None
        page.command("Browser.close")
    finally:
        os.close(send)
        os.close(receive)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
