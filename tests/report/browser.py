# SPDX-License-Identifier: BSD-2-Clause
"""A headless Chromium, told what to do by the DevTools protocol over two pipes: no library."""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

PROGRAMS = ("chromium-headless-shell", "chromium")
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
           "--hide-scrollbars", "--no-first-run", "--disable-extensions",
           "--disable-background-networking",
           # Tests follow more links in a second than somebody who reads.
           "--disable-ipc-flooding-protection", "--remote-debugging-pipe", "about:blank")
PATIENCE = 120                  # seconds for one answer: a busy machine is slow, not broken
# Chromium reads commands from descriptor 3 and answers on 4.
START = 'exec "${@:3}" 3<&"$1" 4>&"$2"'


class Failed(Exception):
    """The browser does not answer, or answers with an error."""


class Browser:
    """One browser with one page. messages, requests, errors: what the page said and asked for."""

    def __init__(self):
        program = next(filter(None, map(shutil.which, PROGRAMS)), None)
        if not program:
            raise Failed("there is no Chromium: run ./doppel setup test-packages")
        self.profile = tempfile.mkdtemp(prefix="doppel-browser-")
        commands, self.commands = high_pipe()
        self.answers, answers = high_pipe()
        self.log = open(os.path.join(self.profile, "stderr"), "w+b")
        self.process = subprocess.Popen(
            ["bash", "-c", START, "bash", str(commands), str(answers), program,
             "--user-data-dir=" + self.profile, *OPTIONS],
            pass_fds=(commands, answers), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=self.log, start_new_session=True, env=dict(os.environ, HOME=self.profile))
        os.close(commands)
        os.close(answers)
        self.number = 0
        self.session = None
        self.buffer = b""
        self.events, self.requests, self.errors = [], [], []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(domain + ".enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGKILL)      # its helpers as well
        self.process.wait()
        for descriptor in (self.commands, self.answers):
            os.close(descriptor)
        self.log.close()
        # A helper that is about to die may still write.
        end = time.monotonic() + PATIENCE
        while os.path.exists(self.profile) and time.monotonic() < end:
            shutil.rmtree(self.profile, ignore_errors=True)
            time.sleep(0.05)

    def ask(self, method, **parameters):
        """Sends a command and returns its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive(method)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise Failed("%s: %s" % (method, answer["error"].get("message")))
                return answer["result"]
            self.note(answer)

    def receive(self, what):
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.answers], [], [], max(0, end - time.monotonic()))
            got = os.read(self.answers, 1 << 20) if ready else b""
            if not got:
                raise Failed("Chromium %s %s: %s" % ("ended at" if ready else "does not answer",
                                                     what, self.last_words()))
            self.buffer += got
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def last_words(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-2000:]

    def note(self, event):
        method, parameters = event.get("method"), event.get("params", {})
        self.events.append(method)
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled":
            if parameters["type"] in ("error", "warning", "assert"):
                self.errors.append(" ".join(str(argument.get("value", argument.get("description")))
                                            for argument in parameters["args"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.errors.append(parameters["entry"]["text"])

    # What tests do

    def open(self, address):
        self.events.clear()
        # Another address first: one that differs behind the "#" only would load nothing.
        self.ask("Page.navigate", url="about:blank")
        self.wait("Page.loadEventFired")
        self.events.clear()
        self.requests.clear()
        self.errors.clear()
        result = self.ask("Page.navigate", url=address)
        if "errorText" in result:
            raise Failed("%s: %s" % (address, result["errorText"]))
        self.wait("Page.loadEventFired")

    def wait(self, event):
        while event not in self.events:
            self.note(self.receive(event))

    def run(self, script):
        """The value of a JavaScript expression, as JSON has it."""
        result = self.ask("Runtime.evaluate", expression=script, returnByValue=True,
                          awaitPromise=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise Failed(details.get("exception", {}).get("description") or details["text"])
        return result["result"].get("value")

    def size(self, width, height=900):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=width < 600)

    def media(self, scheme="light", kind=""):
        self.ask("Emulation.setEmulatedMedia", media=kind, features=[
            {"name": "prefers-color-scheme", "value": scheme}])

    def scripts(self, are_on):
        self.ask("Emulation.setScriptExecutionDisabled", value=not are_on)

    def type(self, selector, text):
        self.run("document.querySelector(%s).focus()" % json.dumps(selector))
        self.ask("Input.insertText", text=text)

    def pdf(self):
        return base64.b64decode(self.ask("Page.printToPDF")["data"])

    def screenshot(self, path, top=0, height=None):
        """Of the page from `top` on."""
        whole = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": top, "width": whole["width"], "scale": 1,
                "height": min(height or whole["height"], whole["height"] - top)}
        got = self.ask("Page.captureScreenshot", format="png", clip=clip,
                       captureBeyondViewport=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(got["data"]))


def high_pipe():
    """A pipe whose ends do not have the numbers that Chromium wants for its own."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return moved
