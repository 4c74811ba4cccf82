"""One target under atheris, which counts the branches of device_daemon: `python -m tests.fuzz.engine TARGET LIBFUZZER-OPTIONS`."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["device_daemon"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    atheris.Setup(["fuzz", *sys.argv[2:]], TARGETS[sys.argv[1]])
    atheris.Fuzz()
