"""Writes the manual page and the shell completions in scripts/share/, from the argument parser: `python -m scripts.command_line`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import shtab
from argparse_manpage.manpage import Manpage

from device_daemon import __version__
from device_daemon.cli.parser import PROGRAM, complete_parser
from scripts import REPOSITORY

FOLDER: Final = REPOSITORY / "scripts" / "share"
FILES_SECTION: Final = r"""
.SH FILES
.TP
.I /etc/voicelive-speaker/config.yaml
the config; config.yaml.example beside it explains every key
.TP
.I /usr/share/voicelive-speaker/boards
settings of boards with sound, buttons and lights, for
.B include
in the config
.SH SEE ALSO
.BR voicelive-speaker-set-key (8),
.BR journalctl (1),
.BR systemctl (1)
"""


def generated() -> Mapping[Path, str]:
    """Return the content of each file."""
    parser = complete_parser()
    return {
        FOLDER / f"{PROGRAM}.1": _manual_page(),
        FOLDER / f"{PROGRAM}.bash": shtab.complete(parser, shell="bash"),
        FOLDER / f"_{PROGRAM}": shtab.complete(parser, shell="zsh"),
        FOLDER / f"{PROGRAM}.fish": shtab.complete(parser, shell="fish"),
    }


def _manual_page() -> str:
    data = {
        "prog": PROGRAM,
        "project_name": PROGRAM,
        "version": __version__,
        "description": "smart speaker that speaks first, on Azure Voice Live",
        "manual_section": "1",
        "manual_title": PROGRAM,
    }
    with _no_date():
        return str(Manpage(complete_parser(), _data=data)).rstrip("\n") + FILES_SECTION


@contextlib.contextmanager
def _no_date() -> Iterator[None]:
    """The day on which the page was generated is no change of the program."""
    before = os.environ.get("SOURCE_DATE_EPOCH")
    os.environ["SOURCE_DATE_EPOCH"] = "1793491200"
    try:
        yield
    finally:
        if before is None:
            del os.environ["SOURCE_DATE_EPOCH"]
        else:
            os.environ["SOURCE_DATE_EPOCH"] = before


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")
