"""The service as systemd and the control socket show it."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAME = "voicelive-speaker.service"
PROGRAM = "voicelive-speaker"
SOCKET = "/run/voicelive-speaker/control.sock"


PATIENCE_S = 120.0
"""For what comes sooner or later on an emulated machine that has something else to do; longer means never."""


class Failed(Exception):
    """Something is not as it should be; the message says what was seen."""


def run(*command: str | Path, deadline_s: float = PATIENCE_S) -> str:
    """Run a command and return what it printed. Raises Failed with the end of it where the command fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=deadline_s, check=False)
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]} {command[1]}: no end within {deadline_s:g} s") from None
    said = (done.stdout + done.stderr).strip()
    if done.returncode:
        raise Failed(f"{command[0]} {command[1]}: exit code {done.returncode}: {said[-400:]}")
    return said


def systemctl(verb: str, *arguments: str) -> str:
    """Run `systemctl VERB` on the unit."""
    return run("systemctl", verb, NAME, *arguments, deadline_s=2 * PATIENCE_S)  # the unit gives itself 180 s to start


def show(name: str) -> str:
    """A property of the unit."""
    return run("systemctl", "show", "--value", "-p", name, NAME)


def pid() -> int:
    """The main process, 0 if there is none."""
    return int(show("MainPID"))


def until(what: str, seen: Callable[[], Any], deadline_s: float, every_s: float = 0.2) -> float:
    """Wait until `seen()` is true and return how long it took. Raises Failed."""
    begun_s = time.monotonic()
    while not seen():
        if time.monotonic() - begun_s > deadline_s:
            raise Failed(f"{what}: not within {deadline_s:g} s")
        time.sleep(every_s)
    return time.monotonic() - begun_s


def ask(line: str) -> str:
    """One request to the control socket, "" if nobody answers."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(SOCKET)
            connection.sendall(f"{line}\n".encode())
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := connection.recv(65_536):
                answer += chunk
    except OSError:
        return ""
    return answer.decode().strip()


def status() -> dict[str, Any]:
    """What `status --json` says, {} if nobody answers."""
    answer = ask("status --json")
    return dict(json.loads(answer)) if answer.startswith("{") else {}


def state() -> str:
    """The speaker's state, "" if nobody answers."""
    return str(status().get("state", ""))


def wait_for(*states: str, deadline_s: float = PATIENCE_S) -> float:
    """Wait until the speaker is in one of these states; return how long it took. Raises Failed."""
    try:
        return until(f"state {' or '.join(states)}", lambda: state() in states, deadline_s)
    except Failed as failed:
        raise Failed(f"{failed}; it is {state() or 'not there'}") from None


def wait_for_line() -> None:
    """Wait until the process that runs has reached the service: emulated, its first connection takes ten seconds."""
    said = "the service can be reached"
    until(said, lambda: said in run("journalctl", f"_PID={pid()}", "-o", "cat", "--no-pager"), PATIENCE_S, every_s=0.5)


class Journal:
    """The unit's lines from now on."""

    def __init__(self) -> None:
        self._before = len(_journal())

    def lines(self) -> list[str]:
        """The lines since."""
        return _journal()[self._before :]

    def find(self, pattern: str) -> re.Match[str] | None:
        """The first line since that holds `pattern`."""
        return next((match for line in self.lines() if (match := re.search(pattern, line))), None)

    def wait(self, pattern: str, deadline_s: float = PATIENCE_S) -> re.Match[str]:
        """The first line since that holds `pattern`, once it is there. Raises Failed."""
        until(f"a line with {pattern!r} in the journal", lambda: self.find(pattern), deadline_s, every_s=0.5)
        match = self.find(pattern)
        assert match is not None
        return match


def _journal() -> list[str]:
    return run("journalctl", "-u", NAME, "-o", "cat", "--no-pager").splitlines()
