"""The end of a set-up: the key is stored, the speaker starts with the config and greets."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from device_daemon.device.control_client import ask
from device_daemon.doctor import remedies
from device_daemon.doctor.programs import run
from device_daemon.doctor.runner import in_thread
from device_daemon.doctor.service import UNIT
from device_daemon.errors import EX_UNAVAILABLE, SpeakerError
from device_daemon.setup.answers import GREETING
from device_daemon.system.file_writer import write_atomically
from device_daemon.system.paths import SYSTEM_CONFIG

SET_KEY: Final = "voicelive-speaker-set-key"
_KEY_FILE: Final = "api-key"
_START_DEADLINE_S: Final = 60.0
_LOOK_S: Final = 0.25


class NotDone(SpeakerError):
    """A step at the end failed; the config is written."""

    exit_code = EX_UNAVAILABLE


def is_system(path: Path) -> bool:
    """Return whether a config is that of the systemd unit."""
    return path.is_relative_to(SYSTEM_CONFIG.parent)


def key_file_beside(path: Path) -> Path:
    """Return where the key of a user's own config is stored."""
    return path.parent / _KEY_FILE


def store_key(key: str, path: Path) -> None:
    """Store the API key: as the unit's credential, or in a file beside the config that only its owner can read.

    Raises:
        NotDone: It could not be stored.
    """
    if not is_system(path):
        try:
            write_atomically(key_file_beside(path), f"{key}\n".encode())
        except OSError as error:
            raise NotDone(f"{key_file_beside(path)}: the key cannot be stored ({error.strerror}).") from error
        return
    program = shutil.which(SET_KEY)
    if program is None:
        raise NotDone(f"the key is not stored: {SET_KEY} is not installed; scripts/install installs it.")
    try:
        done = subprocess.run(  # noqa: S603 - a program of this product
            [program], input=f"{key}\n".encode(), capture_output=True, timeout=_START_DEADLINE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotDone(f"the key is not stored: {SET_KEY} failed ({error}); run it by hand.") from error
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip()
        raise NotDone(f"the key is not stored: {reason}; run `sudo {SET_KEY}`.")


async def start(path: Path, candidates: Sequence[Path]) -> int:
    """Start the speaker with its config and have it greet; return the exit code.

    The unit is started again, and at boot. Without a unit the speaker runs in the foreground, until Ctrl-C.

    Raises:
        NotDone: It does not start, or does not greet.
    """
    if not is_system(path):
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "device_daemon", "run", "--config", str(path)
        )
        try:
            print(await greet(candidates, is_alive=lambda: child.returncode is None))
            print("the speaker runs here until Ctrl-C; `voicelive-speaker run` starts it again")
            return await child.wait()
        finally:
            if child.returncode is None:
                child.terminate()
                await child.wait()
    for words in (("enable", UNIT), ("restart", UNIT)):
        done = await in_thread(partial(run, "systemctl", *words))
        if done.code:
            raise NotDone(f"the speaker does not start: {done.stderr.strip()}; see {remedies.JOURNAL}")
    print(await greet(candidates))
    return 0


async def greet(
    candidates: Sequence[Path], deadline_s: float = _START_DEADLINE_S, is_alive: Callable[[], bool] = lambda: True
) -> str:
    """Have the speaker greet as soon as it is ready, and return its answer.

    Raises:
        NotDone: It is not ready in time, or refuses.
    """
    until_s = time.monotonic() + deadline_s
    while True:
        for path in candidates:
            try:
                answer = await in_thread(partial(ask, path, f"greet {GREETING}"))
            except OSError:
                continue
            if not answer.startswith("error: "):
                return answer.removeprefix("ok: ")
            if time.monotonic() > until_s:
                raise NotDone(f"the speaker runs, but does not greet: {answer.removeprefix('error: ')}")
        if not is_alive():
            raise NotDone("the speaker does not start; the lines above say why")
        if time.monotonic() > until_s:
            raise NotDone(f"the speaker is not ready after {deadline_s:g} s; see {remedies.JOURNAL}")
        await asyncio.sleep(_LOOK_S)
