"""Builds the rig's C libraries, and writes the configuration under which programs find the simulated card."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from scripts import REPOSITORY

_HERE: Final = Path(__file__).parent
_UNITS: Final = (_HERE / "simcard.c", _HERE / "simctl.c")
_COMPILE: Final = ("gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2", "-fPIC", "-shared", "-DPIC")
_DEADLINE_S: Final = 60

# The system's own configuration first, so that its plugins stay. An unknown card costs a program a line on stderr from
# alsa-lib: hence a mixer of its own for every name.
_ASOUND_CONF: Final = """\
</usr/share/alsa/alsa.conf>
pcm_type.simcard {{ lib "{library}" }}
ctl_type.simcard {{ lib "{library}" }}
pcm.simcard{suffix} {{ type simcard; file "{file}"; hint {{ show on; description "Simulated sound card" }} }}
pcm.simplug{suffix} {{ type plug; slave.pcm simcard{suffix}; hint {{ show on; description "Simulated sound card, converting" }} }}
ctl.simcard{suffix} {{ type simcard; file "{file}" }}
ctl.simplug{suffix} {{ type simcard; file "{file}" }}
"""
_DEFAULT_CONF: Final = """\
pcm.!default {{ type plug; slave.pcm simcard; hint {{ show on; description "Default: the simulated card" }} }}
ctl.!default {{ type simcard; file "{file}" }}
"""


def build_plugin() -> Path:
    """Return the simulated card's alsa-lib plugin."""
    return _build("libasound_module_simcard", _UNITS, (_HERE / "tracks.h",), ("-lasound", "-lm"))


def build_surroundings() -> Path:
    """Return the library that surroundings.py preloads."""
    return _build("libsurroundings", (_HERE / "surroundings.c",), (), ("-ldl",))


def _build(name: str, units: Sequence[Path], headers: Sequence[Path], libraries: Sequence[str]) -> Path:
    """Compile a library, once per state of its sources, and return it; many processes may do so at once.

    It is kept in `$XDG_CACHE_HOME/voicelive-speaker`, or in `.cache` of this repository. Needs gcc and alsa-lib's headers
    (`apt install gcc libasound2-dev`); raises `RuntimeError` with the compiler's words.
    """
    cache_home = os.environ.get("XDG_CACHE_HOME")
    folder = Path(cache_home) / "voicelive-speaker" if cache_home else REPOSITORY / ".cache"
    state = hashlib.sha256(" ".join((*_COMPILE, os.uname().machine)).encode())
    for source in (*units, *headers):
        state.update(source.read_bytes())
    library = folder.absolute() / f"{name}-{state.hexdigest()[:16]}.so"
    if library.exists():
        return library
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as workbench:
        draft = Path(workbench) / library.name
        command = [*_COMPILE, *map(str, units), "-o", str(draft), *libraries]
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=_DEADLINE_S, check=False)
        except FileNotFoundError as error:
            raise RuntimeError("the simulated sound card needs gcc: apt install gcc libasound2-dev") from error
        if result.returncode:
            raise RuntimeError(f"the simulated sound card does not compile (libasound2-dev?):\n{result.stderr}")
        draft.replace(library)  # whoever is last wins, with the same library
    return library


def write_configuration(path: Path, library: Path, file: Path, suffix: str = "") -> None:
    """Write an asound.conf that names the card `simcard`, and through conversions `simplug` and `default`.

    With a `suffix` to its names the card is not the default. Programs that run notice it: it is a new file each time.
    """
    configuration = _ASOUND_CONF if suffix else _ASOUND_CONF + _DEFAULT_CONF
    draft = path.with_suffix(".new")
    draft.write_text(configuration.format(library=library, file=file, suffix=suffix))
    draft.replace(path)
