"""Service checks: the systemd unit, the running speaker, the disk with its saved state."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from device_daemon.device.control_client import ask
from device_daemon.doctor import remedies
from device_daemon.doctor.findings import Finding, failed, note, ok, skipped
from device_daemon.doctor.programs import run
from device_daemon.doctor.runner import Check, in_thread
from device_daemon.errors import EX_CONFIG
from device_daemon.system import paths
from device_daemon.system.saved_state import Remembered

UNIT: Final = "voicelive-speaker.service"
PROPERTIES: Final = (
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "Result",
    "ExecMainStatus",
    "NRestarts",
    "WatchdogUSec",
    "StatusText",
)
SYSTEM_STATE: Final = Path("/var/lib", paths.NAME)
_LEAST_FREE_MB: Final = 50


class ServiceChecks(Struct):
    """Facts about the service; the checks fill them in."""

    environment: Mapping[str, str]
    unit: Mapping[str, str] = field(default_factory=dict)
    """Properties of the unit; empty without systemd."""
    status: Mapping[str, Any] | None = None
    """`status` of the running speaker; None if none runs, or none answers."""
    running: bool = False
    """Whether a speaker runs and holds the sound cards and pins."""

    @property
    def installed(self) -> bool:
        """Whether the unit is installed."""
        return self.unit.get("LoadState") == "loaded"

    @property
    def stop_line(self) -> str:
        """The command that stops the speaker and frees cards and pins."""
        if self.unit.get("ActiveState") in {"active", "activating", "reloading"}:
            return remedies.STOP_SERVICE
        return "stop the `voicelive-speaker run` that is running here (Ctrl-C in its terminal)"

    @property
    def may_be_stopped(self) -> bool:
        """Whether systemd runs the speaker, and this user may stop it."""
        return self.unit.get("ActiveState") == "active" and os.getuid() == 0

    async def stop(self) -> bool:
        """Stop the service; whether it has stopped."""
        return (await in_thread(partial(run, "systemctl", "stop", UNIT))).code == 0

    async def start(self) -> Check:
        """Start the service again. Raises OSError."""
        done = await in_thread(partial(run, "systemctl", "start", "--no-block", UNIT))
        if done.code:
            yield failed("service", f"it does not start again: {done.stderr.strip()}", remedies.JOURNAL)
        else:
            yield ok("service", "started again")

    @property
    def state_folder(self) -> Path:
        """Where the speaker keeps its saved state."""
        if self.installed and "STATE_DIRECTORY" not in self.environment:
            return SYSTEM_STATE
        return paths.folders(self.environment).state

    async def check_unit(self) -> Check:
        """Whether the unit is installed, starts at boot, runs, and has a watchdog."""
        self.unit = await in_thread(_show_unit)
        for finding in judge_unit(self.unit):
            yield finding

    async def check_speaker(self) -> Check:
        """Whether a speaker runs, and what its status says."""
        name = "speaker running"
        active = self.unit.get("ActiveState") == "active"
        self.running = True  # until its socket turns out to be closed
        try:
            self.status = await in_thread(partial(_ask, paths.socket_candidates(self.environment)))
        except PermissionError as error:
            yield skipped(name, f"one runs, but does not answer this user: {error.strerror}", remedies.AS_ROOT)
            return
        except OSError as error:
            why = error.strerror or "no answer in time"
            yield failed(name, f"one runs, but does not answer: {why}", f"{self.stop_line}; {remedies.JOURNAL}")
            return
        if self.status is not None:
            for finding in judge_status(self.status):
                yield finding
        elif active:
            remedy = f"sudo systemctl restart voicelive-speaker; {remedies.JOURNAL}"
            yield failed(name, "the service is active, but nobody listens at its control socket", remedy)
        else:
            self.running = False
            yield ok(name, "none, so sound cards and pins can be checked")

    async def check_storage(self) -> Check:
        """Whether the saved state can be written."""
        folder = self.state_folder
        yield judge_storage(folder, await in_thread(partial(_storage, folder)), own=not self.installed)

    def remembered(self) -> Remembered:
        """The saved state (volume, mute); its defaults if it cannot be read."""
        try:
            return msgspec.json.decode((self.state_folder / "memory.json").read_bytes(), type=Remembered)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return Remembered()


class Storage(Struct, frozen=True):
    """The disk under a folder."""

    free_mb: int
    read_only: bool
    writable: bool
    """Whether this user can write there."""


def judge_unit(unit: Mapping[str, str]) -> list[Finding]:
    """Findings from the properties of the unit; no properties: there is no systemd."""
    if not unit:
        return [skipped("service", "systemd does not run here")]
    if unit.get("LoadState") != "loaded":
        return [note("service", f"{UNIT} is not installed: the speaker does not start at boot")]
    findings = []
    state, result = unit.get("ActiveState", ""), unit.get("Result", "")
    if state == "failed" or (state == "activating" and unit.get("SubState") == "auto-restart"):
        why = f"it ended with {unit.get('ExecMainStatus')} ({result})"
        wrong_config = unit.get("ExecMainStatus") == str(EX_CONFIG)
        remedy = (
            "voicelive-speaker check-config    # then: sudo systemctl restart voicelive-speaker"
            if wrong_config
            else remedies.JOURNAL
        )
        findings.append(failed("service", f"{state}: {why}", remedy))
    elif state == "active":
        findings.append(ok("service", f"active, {unit.get('StatusText') or 'without a status'}"))
    else:
        findings.append(note("service", f"{state}: it does not run", "sudo systemctl start voicelive-speaker"))
    if unit.get("UnitFileState") not in {"enabled", "enabled-runtime", "static"}:
        findings.append(note("start at boot", "it does not start at boot", "sudo systemctl enable voicelive-speaker"))
    if restarts := _number(unit.get("NRestarts", "")):
        findings.append(note("restarts", f"it was restarted {restarts} times", remedies.JOURNAL, restarts=restarts))
    if unit.get("WatchdogUSec", "0") in {"", "0", "infinity"}:
        findings.append(
            note(
                "watchdog", "off: a speaker that hangs is not restarted", "WatchdogSec=30 in the unit, under [Service]"
            )
        )
    elif result == "watchdog":
        findings.append(failed("watchdog", "it killed a speaker that hung", remedies.JOURNAL))
    else:
        findings.append(ok("watchdog", f"every {unit['WatchdogUSec']}"))
    return findings


def judge_status(status: Mapping[str, Any]) -> list[Finding]:
    """Findings from the status of the running speaker."""
    summary = f"{status['state']}, up for {status['up_s']:.0f} s, volume {status['volume']}"
    findings = []
    if status["failure"]:
        findings.append(
            failed("speaker running", f"{status['state']}: {status['failure']}", "voicelive-speaker status")
        )
    else:
        findings.append(ok("speaker running", summary))
    for card in ("microphone", "speaker"):
        counters = status[card]
        trouble = {name: counters.get(name) for name in ("overruns", "underruns", "reopened") if counters.get(name)}
        if trouble:
            listed = ", ".join(f"{count} {name}" for name, count in trouble.items())
            findings.append(
                note(f"{card} so far", listed, "if you hear gaps, raise periods: under audio: in the config")
            )
    return findings


def judge_mute(remembered: Remembered, status: Mapping[str, Any] | None) -> list[Finding]:
    """Whether the speaker was left muted, or at volume 0."""
    muted = status["muted"] if status else remembered.muted
    volume = status["volume"] if status else remembered.volume
    findings = []
    if muted:
        findings.append(note("mute", "the microphone is muted", "voicelive-speaker mute off    # while it runs"))
    if volume == 0:
        findings.append(failed("volume", "the volume is 0", "voicelive-speaker volume 60    # while it runs"))
    return findings


def judge_storage(folder: Path, storage: Storage, *, own: bool) -> Finding:
    """The finding about the disk of the state folder; `own`: this user has to write there."""
    name = "storage"
    measured = {"free_mb": float(storage.free_mb)}
    if storage.read_only:
        what = f"{folder} is on a read-only disk: the SD card may be failing"
        return failed(name, what, "journalctl -k | grep -iE 'mmc|ext4'    # then a new card", **measured)
    if storage.free_mb < _LEAST_FREE_MB:
        remedy = "sudo journalctl --vacuum-size=50M; sudo apt clean"
        return failed(name, f"{folder}: the disk is full, {storage.free_mb} MB are free", remedy, **measured)
    if own and not storage.writable:
        return failed(name, f"{folder} cannot be written by this user", f'sudo chown -R "$USER" {folder}', **measured)
    return ok(name, f"{folder}: {storage.free_mb} MB free", **measured)


def _show_unit() -> dict[str, str]:
    try:
        answer = run("systemctl", "show", UNIT, f"--property={','.join(PROPERTIES)}")
    except FileNotFoundError:
        return {}
    if answer.code:
        return {}
    return dict(line.split("=", 1) for line in answer.stdout.splitlines() if "=" in line)


def _ask(candidates: Sequence[Path]) -> dict[str, Any] | None:
    """The status of the first speaker that listens, None if there is none; raises OSError if it does not answer."""
    for path in candidates:
        try:
            answer = ask(path, "status --json")
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            continue
        if answer.startswith("error: "):
            raise PermissionError(errno.EPERM, answer.removeprefix("error: "))
        return dict(json.loads(answer))
    return None


def _storage(folder: Path) -> Storage:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    disk = os.statvfs(there)
    return Storage(
        shutil.disk_usage(there).free // 1_000_000,
        bool(disk.f_flag & os.ST_RDONLY),
        os.access(there, os.W_OK | os.X_OK),
    )


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
