"""A process of its own that loads a wake word model and lets it hear two seconds of silence.

Exits with 0 where the model can be used, else prints what is wrong with it; a damaged one may crash it.
"""

from __future__ import annotations

import contextlib
import importlib
import resource
import sys
from typing import Final

from device_daemon.errors import WakeWordsUnusable

_MOST_BYTES: Final = 2 * 1024**3
_MOST_CPU_S: Final = 50
_SILENCE_S: Final = 2
_ENGINES: Final = {"microWakeWord": "microwakeword", "openWakeWord": "openwakeword"}


def main() -> int:
    """`python -m device_daemon.triggers.wakeword_probe KIND PATH`."""
    kind, path = sys.argv[1:]
    for limit, most in (
        (resource.RLIMIT_AS, _MOST_BYTES),
        (resource.RLIMIT_CPU, _MOST_CPU_S),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # where a lower one is in force
            resource.setrlimit(limit, (most, most))
    try:
        flaw = importlib.import_module(f"device_daemon.triggers.{_ENGINES[kind]}").model_flaw(path, _SILENCE_S)
    except WakeWordsUnusable as error:
        flaw = error.message
    except Exception as error:  # noqa: BLE001 - whatever it is, it is about the model
        flaw = f"the engine refuses this model: {error}"
    print(flaw)  # noqa: T201 - it is what the parent reads
    return 1 if flaw else 0


if __name__ == "__main__":
    sys.exit(main())
