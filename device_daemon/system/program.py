"""Runs a program of the owner: bounded output, its process group killed at the end, an environment without secrets.

Everything that blocks (fork, pipes, the wait for its end) is done in a thread of its own. A pidfd reports the end of the
program itself, so that a child it leaves behind with its pipes open holds up nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO, Final

from msgspec import Struct

from device_daemon.system.daemon_thread import in_daemon_thread

MOST_BYTES: Final = 1024 * 1024
"""A program that writes more is killed: it would take the processor from the sound."""
KEPT_BYTES: Final = 32 * 1024
"""Of what it writes, from the beginning."""
GRACE_S: Final = 0.2
"""After its end, for what is still in its pipes."""
MOST_GIVEN_CHARACTERS: Final = 16 * 1024
"""For stdin: what a pipe holds (64 KiB), so that a program that does not read holds up nobody."""
_PIECE_BYTES: Final = 16 * 1024
_PASSED_ON: Final = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "XDG_RUNTIME_DIR", "TMPDIR")


class Finished(Struct, frozen=True):
    """What came of a program."""

    exit_code: int
    """Negative: killed by the signal of that number."""
    output: str
    """What it wrote to stdout, from the beginning on; see `KEPT_BYTES`."""
    complaint: str
    """The same for stderr."""
    flooded: bool
    """It wrote more than `MOST_BYTES`, and was killed for it."""


def environment_for_programs(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that another program gets: those of every user session, none that leads to a secret."""
    return {name: value for name, value in environment.items() if name in _PASSED_ON or name.startswith("LC_")}


async def run_program(arguments: Sequence[str], environment: Mapping[str, str], given: str = "") -> Finished:
    """Run a program until it ends; a cancelled call kills it with all processes of its group.

    Args:
        arguments: The program's full path and its arguments; no shell is between.
        environment: All its variables.
        given: What it may read from stdin, a few kilobytes at most.

    Raises:
        OSError: It cannot be run.
    """
    program = _Program(arguments, environment, given)
    try:
        return await in_daemon_thread(program.run, "program")
    except asyncio.CancelledError:
        program.kill()
        raise


class _Program:
    """One run. `run` is called in a thread, `kill` from any."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], given: str) -> None:
        if len(given) > MOST_GIVEN_CHARACTERS:
            raise ValueError("a pipe takes no more without a reader")
        self._arguments = arguments
        self._given = given
        self._environment = environment
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False

    def kill(self) -> None:
        """Kill the whole group; one that is not started yet will not be."""
        with self._lock:
            self._killed = True
            if self._process is not None:
                _kill_group(self._process.pid)

    def run(self) -> Finished:
        """Return what came of it. Raises OSError."""
        with self._lock:
            if self._killed:
                return Finished(-signal.SIGKILL, "", "", flooded=False)
            process = self._process = subprocess.Popen(  # noqa: S603 - the owner's, as the config names it
                self._arguments,
                stdin=subprocess.PIPE if self._given else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd="/",
                env=dict(self._environment),
                start_new_session=True,
            )
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it does not read
                process.stdin.write(self._given.encode())
                process.stdin.close()
        with process:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            assert process.stderr is not None  # noqa: S101 - it was asked for
            kept = {process.stdout: bytearray(), process.stderr: bytearray()}
            flooded = _read_until_end(process.pid, kept)
            with self._lock:  # the group's number is free for others once the program is waited for
                _kill_group(process.pid)
                process.wait()
                self._process = None
            output, complaint = (bytes(part).decode(errors="replace") for part in kept.values())
            return Finished(process.returncode, output, complaint, flooded)


def _read_until_end(pid: int, kept: Mapping[IO[bytes], bytearray]) -> bool:
    """Read the pipes until the program has ended; return whether it wrote too much."""
    seen_bytes = 0
    ends_at_s: float | None = None
    pidfd = os.pidfd_open(pid)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(pidfd, selectors.EVENT_READ)
            for pipe in kept:
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ)
            while selector.get_map():
                left_s = None if ends_at_s is None else ends_at_s - time.monotonic()
                if left_s is not None and left_s <= 0:
                    return False
                for key, _ in selector.select(left_s):
                    if key.fd == pidfd:
                        ends_at_s = time.monotonic() + GRACE_S
                        selector.unregister(pidfd)
                        continue
                    piece = os.read(key.fd, _PIECE_BYTES)
                    if not piece:
                        selector.unregister(key.fileobj)
                        continue
                    seen_bytes += len(piece)
                    into = next(part for pipe, part in kept.items() if pipe is key.fileobj)
                    into += piece[: KEPT_BYTES - len(into)]
                    if seen_bytes > MOST_BYTES:
                        return True
            return False
    finally:
        os.close(pidfd)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # all of it has ended
    except PermissionError:
        pass  # what is left of it belongs to another user
