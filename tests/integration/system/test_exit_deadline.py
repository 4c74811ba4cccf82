"""The process ends in time, whatever hangs."""

from __future__ import annotations

import subprocess
import sys
import threading

from device_daemon.system import exit_deadline

PROGRAM = """
import asyncio, threading
from device_daemon.system import exit_deadline

async def main():
    hangs = asyncio.create_task(asyncio.to_thread(threading.Event().wait))
    await asyncio.sleep(0)
    exit_deadline.enforce(0.5)
    hangs.cancel()

asyncio.run(main())
"""


def test_a_thread_that_hangs_does_not_keep_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert "without waiting for what hangs (threads: " in done.stderr


def test_it_leaves_with_success_once_the_deadline_has_passed() -> None:
    left, codes = threading.Event(), []

    def leave(code: int) -> None:
        codes.append(code)
        left.set()

    exit_deadline.enforce(0.01, leave)
    assert left.wait(5.0)
    assert codes == [0]
