"""Microsoft's basic voice assistant, the sample that comes with the SDK's source: fetched when it is needed, never kept.

It runs unmodified in a process of its own (quickstart_driver.py), on a card of its own: both programs keep their
speaker open, and a card has only one. Its card's position moves in whole periods. That is what PortAudio sees of any
real card, as it asks with snd_pcm_avail_update(); shown more, it loses a third of what the microphone hears.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import tarfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from scripts import REPOSITORY
from scripts.benchmark import workshop
from scripts.benchmark.command_line import CannotMeasure, progress
from scripts.benchmark.rounds import DEADLINE_S
from scripts.benchmark.scene import GREETING
from scripts.rig.card import SimulatedCard
from scripts.rig.device import KEY

SAMPLE: Final = "basic_voice_assistant_async.py"
_PACKAGE: Final = "azure-ai-voicelive"
PINNED: Final = REPOSITORY / "scripts" / "requirements" / "speaker.txt"
_STARTS_WITHIN_S: Final = 30.0


def fetch() -> Path:
    """Return the sample of the SDK's version that the daemon uses, with everything it imports installed.

    Raises CannotMeasure where it cannot be fetched.
    """
    release = version(_PACKAGE)
    folder = workshop.PYTHON.parents[1] / f"{_PACKAGE}-{release}"
    try:
        if not (folder / SAMPLE).exists():
            progress(f"fetching Microsoft's sample, from the source of {_PACKAGE} {release}")
            workshop.run(str(REPOSITORY / "scripts" / "apt-install"), "portaudio19-dev", "gcc", "python3-dev")
            workshop.install("speaker", "quickstart")
            folder.mkdir(exist_ok=True)
            pinned = folder / "requirement.txt"
            pinned.write_text(pinned_in(PINNED.read_text(encoding="utf-8")))
            workshop.run(
                *(str(workshop.PYTHON), "-m", "pip", "download", "--no-input", "--no-deps", "--no-build-isolation"),
                *("--no-binary", _PACKAGE, "--dest", str(folder), "--require-hashes", "-r", str(pinned)),
            )
            (folder / SAMPLE).write_bytes(sample_in(next(folder.glob("*.tar.gz"))))
    except CannotMeasure as error:
        raise CannotMeasure(f"the quickstart cannot be fetched: {error}; --ours-only measures without it") from error
    return folder / SAMPLE


def pinned_in(requirements: str) -> str:
    """Return the SDK's entry, version and hashes, out of a file of requirements."""
    entry = re.search(rf"^{_PACKAGE}==[^\\\n]*(?:\\\n[^\\\n]*)*", requirements, re.MULTILINE)
    assert entry is not None
    return entry[0]


def sample_in(archive: Path) -> bytes:
    """Return the sample out of a source distribution; raises CannotMeasure if it holds none."""
    with tarfile.open(archive) as members:
        for member in members:
            if member.isfile() and Path(member.name).parts[1:] == ("samples", SAMPLE):
                content = members.extractfile(member)
                assert content is not None
                return content.read()
    raise CannotMeasure(f"{archive.name} holds no samples/{SAMPLE}")


class Quickstart:
    """The sample's process, with all imports done."""

    def __init__(self, process: asyncio.subprocess.Process, card: SimulatedCard) -> None:
        self._process = process
        self.card = card

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    async def press(self) -> float:
        """Have it call the sample's start(), at no fixed time after the last one; returns when."""
        await asyncio.sleep(random.uniform(0.1, 0.15))
        return await self._order("press", f"press {GREETING}\n")

    async def hang_up(self) -> None:
        """Cancel start(), which closes the connection and the sound card, and wait until it has."""
        await self._order("hang up", "hang up\n", "hung up")

    async def armed(self) -> float:
        """Wait until it could be pressed, and return when that was."""
        return float((await self._news("armed"))["at_s"])

    async def _order(self, name: str, line: str, answer: str | None = None) -> float:
        assert self._process.stdin is not None, name
        at_s = time.monotonic()
        self._process.stdin.write(line.encode())
        await self._process.stdin.drain()
        if answer is not None:
            await self._news(answer)
        return at_s

    async def _news(self, wanted: str) -> dict[str, Any]:
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(_STARTS_WITHIN_S):
                async for line in self._process.stdout:
                    news: dict[str, Any] = json.loads(line)
                    if news["news"] == "failed":
                        raise CannotMeasure(f"the quickstart failed: {news['error']}")
                    if news["news"] == wanted:
                        return news
        except TimeoutError as error:
            raise CannotMeasure(f"the quickstart was never {wanted}: --ours-only measures without it") from error
        raise CannotMeasure(f"the quickstart ended before it was {wanted}: --ours-only measures without it")


@asynccontextmanager
async def quickstart(folder: Path, endpoint: str, sample: Path) -> AsyncIterator[Quickstart]:
    """The sample, ready to be pressed."""
    card = SimulatedCard(folder / "card", coarse_pointer=True)
    process = await asyncio.create_subprocess_exec(
        str(workshop.PYTHON),
        str(Path(__file__).with_name("quickstart_driver.py")),
        str(sample),
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "AZURE_VOICELIVE_ENDPOINT": endpoint,
            "AZURE_VOICELIVE_API_KEY": KEY,
            **card.environment(),
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assistant = Quickstart(process, card)
        await assistant.armed()
        yield assistant
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(DEADLINE_S):
            await process.wait()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def start_ms(folder: Path, endpoint: str, sample: Path) -> float:
    """Start the sample's process and end it again; return how long it took until it could be pressed."""
    began_s = time.monotonic()
    async with quickstart(folder, endpoint, sample):
        return (time.monotonic() - began_s) * 1000
