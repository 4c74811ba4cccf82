"""What happens to a speaker on a shelf: mistakes, failures, violence, and the end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from tests.vm import unit
from tests.vm.board import BUTTON, LED, LINES
from tests.vm.conversation import Conversation
from tests.vm.speaker import CONFIG, OUT, QUICK_MS, Check, Speaker
from tests.vm.table import Skipped
from tests.vm.unit import Failed, Journal


class Trouble:
    """What a speaker has to come through."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker

    def in_order(self) -> list[Check]:
        """Each builds on those before it."""
        return [
            ("pressed while it starts, it greets", self.pressed_early),
            ("reload takes a new config", self.reloads),
            ("reload refuses a wrong config", self.reload_refuses),
            ("no service: says so, comes back", self.offline),
            ("killed (-9), it comes back", self.killed),
            ("stalled, the watchdog acts", self.stalled),
            ("works as before after both", Conversation(self._speaker).greets),
            ("the journal tells the story", self.journal),
            ("stopped, its lights go out", self.stops),
            ("a wrong config is named, not retried", self.wrong_config),
            ("no sound card: waits, takes it later", self.card_comes_late),
            ("doctor", self.doctor),
            ("a key of another machine: starts, says so", self.key_of_another_machine),
            ("purged, it leaves nothing", self.purged),
        ]

    def pressed_early(self) -> str:
        self._speaker.rest()  # so that the greeting is cached
        journal = Journal()
        unit.systemctl("restart")
        pressed_s = self._speaker.board.push()
        ready = journal.find("ready: ")
        heard_s = self._speaker.room.first_sound_s(pressed_s)
        said = journal.wait(r"greeting heard [\d.]+ m?s after the press")[0]
        if heard_s is None:
            raise Failed(f"nothing was heard, and it says: {said}")
        return f"{'' if ready else 'before it was ready; '}heard {heard_s - pressed_s:.1f} s after the press"

    def reloads(self) -> str:
        self._speaker.rest()
        if unit.show("CanReload") != "yes":
            raise Skipped("the unit has no reload")
        journal, before = Journal(), unit.pid()
        text = CONFIG.read_text()
        CONFIG.write_text(text.replace("Lisa", "Bartholomew"))
        begun_s = time.monotonic()
        unit.systemctl("reload")
        took_s = time.monotonic() - begun_s
        if unit.pid() != before:
            raise Failed("it was restarted")
        said = journal.wait("the config file was read again")[0]
        unit.wait_for("idle")
        CONFIG.write_text(text)
        unit.systemctl("reload")
        unit.wait_for("idle")
        return f'in {took_s:.1f} s, same process; it says "{said}"'

    def reload_refuses(self) -> str:
        if unit.show("CanReload") != "yes":
            raise Skipped("the unit has no reload")
        before = unit.pid()
        text = self._speaker.break_config()
        refused = subprocess.run(["systemctl", "reload", unit.NAME], capture_output=True, check=False)
        wrong = "the config is wrong"
        unit.until(f"{wrong!r} in STATUS=", lambda: wrong in unit.show("StatusText"), unit.PATIENCE_S)
        said, shown = unit.show("StatusText"), unit.run(unit.PROGRAM, "status")
        CONFIG.write_text(text)
        unit.systemctl("reload")
        unit.until("a STATUS= without it", lambda: wrong not in unit.show("StatusText"), unit.PATIENCE_S)
        unit.wait_for("idle")
        if unit.pid() != before:
            raise Failed("it was restarted")
        if refused.returncode == 0:
            raise Failed("systemctl reload answers 0")
        if "seventeen" not in said or "seventeen" not in shown:
            raise Failed(f'the mistake is not named: STATUS="{said}"; status: "{shown}"')
        return f'systemctl reload answers {refused.returncode}, STATUS="{said[:120]}", and it goes on'

    def offline(self) -> str:
        self._speaker.rest()
        unit.run("systemctl", "stop", "relay.socket", "relay.service")
        begun_s = self._speaker.board.push()
        if self._speaker.room.first_sound_s(begun_s) is None:
            raise Failed("a press without a service is answered with silence")
        took_s = unit.wait_for("offline")
        unit.run("systemctl", "start", "relay.socket")
        back_s = unit.wait_for("idle")
        self._speaker.room.last_sound_s(time.monotonic())
        return f"heard and shown ({took_s:.0f} s), idle again {back_s:.0f} s after the service came back"

    def killed(self) -> str:
        before = unit.pid()
        os.kill(before, signal.SIGKILL)
        took_s = _back(before)
        return f"ready again after {took_s:.1f} s"

    def stalled(self) -> str:
        watchdog = unit.show("WatchdogUSec")
        if watchdog in {"0", "", "infinity"}:
            raise Skipped("the unit has no watchdog")
        journal, before = Journal(), unit.pid()
        os.kill(before, signal.SIGSTOP)
        took_s = _back(before)
        said = journal.wait(r"Watchdog timeout.*")[0]
        return f"WatchdogSec={watchdog}; ready again {took_s:.0f} s after it stalled ({said})"

    def journal(self) -> str:
        wanted = {
            "ready": r"ready: idle",
            "press": r"pressed \(button on pin 17\)",
            "state": r"(idle|connecting) -> greeting",
            "greeting": r"greeting heard \d+ ms",
            "interruption": r"interrupted [\d.]+ ms",
            "end": r"conversation of [\d.]+ s over",
        }
        text = unit.run("journalctl", "-u", unit.NAME, "-o", "cat", "--no-pager")
        if missing := [name for name, pattern in wanted.items() if not re.search(pattern, text)]:
            raise Failed(f"no line for {', '.join(missing)}")
        fields: set[str] = set()
        for line in unit.run("journalctl", "-u", unit.NAME, "-o", "json", "--no-pager").splitlines():
            fields |= {name for name in json.loads(line) if not name.startswith(("_", "SYSLOG"))}
        own = sorted(fields & {"MESSAGE_ID", "STATE", "CONVERSATION", "XRUNS", "LATENCY_MS"})
        if bugs := len(re.findall(r"Traceback|a bug in this program", text)):
            raise Failed(f"{bugs} tracebacks")
        return f"{', '.join(wanted)}; fields {' '.join(own) or 'none of its own'}"

    def stops(self) -> str:
        self._speaker.rest()
        self._speaker.board.push()
        unit.wait_for("greeting", "listening")
        begun_s = time.monotonic()
        unit.systemctl("stop")
        took_s = time.monotonic() - begun_s
        if lit := self._speaker.board.lit(set(range(LINES)) - {BUTTON}):
            raise Failed(f"line {lit} is lit")
        if unit.show("Result") != "success":
            raise Failed(f"Result={unit.show('Result')}")
        return f"in the middle of a greeting, in {took_s:.1f} s; all lines low"

    def wrong_config(self) -> str:
        unit.systemctl("stop")
        journal = Journal()
        text = self._speaker.break_config()
        done = subprocess.run(["systemctl", "start", unit.NAME], capture_output=True, check=False)
        time.sleep(5)
        CONFIG.write_text(text)
        if done.returncode == 0:
            raise Failed("it starts all the same")
        tried = sum("Starting" in line for line in journal.lines())
        named = journal.wait(r".*config\.yaml.*seventeen.*")[0]
        unit.systemctl("reset-failed")
        if tried != 1:
            raise Failed(f"it was tried {tried} times")
        return f'"{named[:140]}"'

    def card_comes_late(self) -> str:
        unit.systemctl("stop")
        journal = Journal()
        with self._speaker.room.left():
            unit.run("modprobe", "-r", "snd-aloop")
            try:
                unit.systemctl("start")
                unit.wait_for("error")
                unit.until("the light", lambda: self._speaker.board.lit((LED,)), QUICK_MS / 1000, every_s=0.02)
                said = journal.wait(r"there is no (speaker|microphone).*")[0]
            finally:
                unit.run("modprobe", "snd-aloop")
            took_s = unit.wait_for("idle")
        return f'"{said[:110]}"; idle {took_s:.1f} s after it came; ' + Conversation(self._speaker).greets()

    def doctor(self) -> str:
        if "doctor" not in unit.run(unit.PROGRAM, "--help"):
            raise Skipped("there is no such command")
        self._speaker.rest()
        running = _doctor("doctor-running", fails=set())
        # Cards and pins are looked at only while nobody else has them. Nobody talks, and a loopback has no noise.
        unit.systemctl("stop")
        stopped = _doctor("doctor-stopped", fails={"microphone sound"})
        return f"while it runs: {running}; while it does not: {stopped}"

    def key_of_another_machine(self) -> str:
        subprocess.run(["voicelive-speaker-set-key"], input=b"secret", capture_output=True, check=True)
        if not Path("/etc/credstore.encrypted/voicelive-speaker.api-key").exists():
            raise Skipped("systemd encrypts no key here")
        Path("/var/lib/systemd/credential.secret").unlink()  # what it was encrypted with
        unit.systemctl("restart")
        told = "cannot be decrypted"
        unit.until(f'"{told}" in status', lambda: told in unit.run(unit.PROGRAM, "status"), unit.PATIENCE_S)
        return next(line for line in unit.run(unit.PROGRAM, "status").splitlines() if told in line)[:140]

    def purged(self) -> str:
        unit.run("apt-get", "purge", "-y", "-q", "voicelive-speaker")
        # In /run/systemd lies what this test put there itself.
        folders = ("/etc", "/usr", "/opt", "/var", "/run")
        left = unit.run("find", *folders, "-name", "*voicelive-speaker*", "-not", "-path", "/run/systemd/*").split()
        if left or unit.pid():
            raise Failed(f"left behind: {' '.join(left)}{' and a process' if unit.pid() else ''}")
        return "program, config, key, state, user and unit are gone"


def _doctor(name: str, *, fails: set[str]) -> str:
    done = subprocess.run([unit.PROGRAM, "doctor"], capture_output=True, text=True, timeout=600, check=False)
    (OUT / name).write_text(done.stdout + done.stderr)
    if done.stderr:
        raise Failed(f"doctor says beside its findings: {done.stderr[-200:]}")
    if (failed := set(re.findall(r"^(\S.*?) +FAILED ", done.stdout, re.MULTILINE))) != fails:
        raise Failed(f"what doctor finds wrong: {', '.join(sorted(failed)) or 'nothing'}; see {name}")
    said = done.stdout.strip().splitlines()[-1]
    return f"exit code {done.returncode}, {said}"


def _back(before: int) -> float:
    def there() -> bool:
        return unit.pid() not in {0, before} and unit.show("ActiveState") == "active" and unit.state() == "idle"

    return unit.until("another process that is ready", there, 2 * unit.PATIENCE_S)
