"""The demo: on a terminal you use the speaker yourself, without one a synthetic person does and the times are printed.

    python -m scripts.demonstration [--folder FOLDER]

demo.wav goes into FOLDER. Exit codes: 0 done, 1 something did not happen; what that was is said on standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from scripts.demonstration import live, scene
from scripts.demonstration.soundcard import why_simulated
from scripts.demonstration.steps import StepMissing
from scripts.rig.card import SimulatedCard
from scripts.rig.plugin import build_plugin

ALL_BUT_THE_ROOM = """\
real: daemon (a process), alsa-lib, gpiozero, Voice Live SDK over a WebSocket
simulated: sound card, button, lights, voices; the service understands no speech"""
WITH_A_CARD = """\
real: sound card and you; daemon, alsa-lib, gpiozero, Voice Live SDK
simulated: button, lights, the speaker's voice; the service understands no speech"""


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser("scripts/demo", description="Try the speaker; without a terminal it tries itself.")
    parser.add_argument("--folder", type=Path, default=Path(), help="where demo.wav is written (here)")
    wav = parser.parse_args().folder.absolute() / "demo.wav"
    console = Console(highlight=False)
    watched = sys.stdin.isatty() and console.is_terminal and not console.is_dumb_terminal
    try:
        _check_voice()
        with tempfile.TemporaryDirectory(prefix="voicelive-demo-") as folder:
            if watched:
                _live(Path(folder), wav, console)
            else:
                print(ALL_BUT_THE_ROOM, flush=True)
                asyncio.run(scene.play(Path(folder), _simulated_card(Path(folder)), wav))
    except StepMissing as missing:
        print(f"demo: {missing}", file=sys.stderr)
        return 1
    return 0


def _check_voice() -> None:
    if shutil.which("espeak-ng") is None:
        raise StepMissing("espeak-ng, the voice of everybody here, is not installed: apt install espeak-ng")


def _live(folder: Path, wav: Path, console: Console) -> None:
    if why := why_simulated():
        card = _simulated_card(folder)
        told = f"{ALL_BUT_THE_ROOM}\n{why}: what you would hear is written to {wav.name}"
    else:
        card, told = None, WITH_A_CARD
    print(told)
    asyncio.run(live.use(folder, card, told, wav, console))


def _simulated_card(folder: Path) -> SimulatedCard:
    try:
        build_plugin()
    except RuntimeError as error:
        raise StepMissing(str(error)) from error
    return SimulatedCard(folder / "card")


if __name__ == "__main__":
    raise SystemExit(main())
