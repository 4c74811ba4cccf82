"""From another library's thread into the event loop: `call_soon_threadsafe`, and nothing else.

gpiozero, the sound cards and the wake word engine call back in threads of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable


def post_to_loop(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    """Call back in the loop's thread; from any thread. Does nothing once the loop is closed: nobody is left to hear it."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(callback)
