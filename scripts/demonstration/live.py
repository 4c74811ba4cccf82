"""The demo on a terminal: the speaker's lights, levels and words, and keys in the place of its button."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from device_daemon.state import IN_CONVERSATION, State
from scripts.demonstration import screen
from scripts.demonstration.keys import read_keys
from scripts.demonstration.steps import StepMissing, step
from scripts.rig.card import SimulatedCard
from scripts.rig.device import BUTTON_PIN, LED_PIN, Device, config_for, running
from scripts.rig.utterance import utterance

RGB_PINS = (5, 6, 13)
FRAME_S = 0.08
FINGER_S = 0.1
HOLD_S = 1.2
KEYS_WAITING = 8
LOG_LINES = 12
WAV_LIMIT_S = 290.0
"""The simulated card remembers five minutes."""
PERSON = "en+f3"
SENTENCES = ("What can you do for me?", "Tell me a story, please.", "Stop, please, that is enough for now.")

_TRANSCRIPT = re.compile(r" INFO (user|assistant): (.*)")
_SPEAKS = {"user": "service heard", "assistant": "speaker"}


async def use(folder: Path, card: SimulatedCard | None, told: str, wav: Path, console: Console) -> None:
    """Let somebody use the speaker until they quit. Raises StepMissing if it does not start or stop as it should."""
    config = config_for(
        service={"transcription": True},
        privacy={"log_transcripts": True},
        lights=[
            {"type": "led", "pin": LED_PIN},
            {"type": "rgb-led", **dict(zip(("red", "green", "blue"), RGB_PINS, strict=True))},
        ],
    )
    began_s = time.monotonic()
    async with (
        step("the speaker starts, and stops in good order", deadline_s=float("inf")),
        running(folder / "daemon", config, card) as device,
    ):
        view = _View(device, card, told)
        await view.until_quit(console)
    for title, text in screen.figures(view.status):
        console.print(f"{title}: {text}", soft_wrap=True)
    if card:
        now_s = time.monotonic()
        card.save_wav(wav, max(began_s, now_s - WAV_LIMIT_S), now_s)
        console.print(f"{wav} written: the person on the left, the speaker on the right", soft_wrap=True)


class _View:
    def __init__(self, device: Device, card: SimulatedCard | None, told: str) -> None:
        self._device = device
        self._card = card
        self._told = told
        talk = "t have somebody ask, or talk over it  " if card else ""
        self._keys = f"Enter button  h hold it (mute)  {talk}q quit"
        self._sentences = cycle(SENTENCES)
        self._said: list[tuple[str, str]] = []
        self.status: dict[str, Any] = {}
        self._levels = dict.fromkeys((LED_PIN, *RGB_PINS), 0.0)
        self._lines_seen = 0
        self._changes_seen = 0
        self._note = ""
        self._pressed: asyncio.Queue[str] = asyncio.Queue(KEYS_WAITING)
        self._quit = asyncio.Event()

    async def until_quit(self, console: Console) -> None:
        """Draw, and do what the keys say, until q or Ctrl-C. Raises StepMissing if the daemon ends before."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._quit.set)
        hands = asyncio.create_task(self._hands())
        try:
            with read_keys(self._key), Live(console=console, screen=True, auto_refresh=False) as live:
                while not self._quit.is_set():
                    if self._device.process.returncode is not None:
                        said = self._device.log[-LOG_LINES:]
                        raise StepMissing("\n".join(["the speaker ended by itself; it said:", *said]))
                    with suppress(OSError):  # it is just ending: the next round sees that
                        self.status = await self._device.status()
                        live.update(screen.draw(self._picture(self.status)), refresh=True)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._quit.wait(), FRAME_S)
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            hands.cancel()
            await asyncio.wait({hands})

    def _key(self, key: str) -> None:
        if key == "q":
            self._quit.set()
        else:
            with suppress(asyncio.QueueFull):  # faster than any button could be pushed
                self._pressed.put_nowait(key)

    async def _hands(self) -> None:
        while True:
            key = await self._pressed.get()
            self._note = ""
            match key:
                case "\n" | "\r":
                    await self._push(FINGER_S)
                case "h":
                    await self._push(HOLD_S)
                case "t" if self._card:
                    await self._talk(self._card)

    async def _push(self, for_s: float) -> None:
        await self._device.push(BUTTON_PIN)
        await asyncio.sleep(for_s)
        await self._device.let_go(BUTTON_PIN)

    async def _talk(self, card: SimulatedCard) -> None:
        if State(self._device.state) not in IN_CONVERSATION:
            self._note = "The microphone is closed: press Enter first."
            return
        sentence = next(self._sentences)
        card.say(await asyncio.to_thread(utterance, sentence, PERSON))
        self._said.append(("person", sentence))

    def _picture(self, status: dict[str, Any]) -> screen.Picture:
        self._take_in(self._device.log[self._lines_seen :])
        changes = self._device.pin_changes[self._changes_seen :]
        self._changes_seen += len(changes)
        self._levels.update((int(change.pin), change.level) for change in changes)
        red, green, blue = (self._levels[pin] for pin in RGB_PINS)
        return screen.Picture(
            about=self._told,
            keys=self._keys,
            led=self._levels[LED_PIN],
            rgb_led=(red, green, blue),
            status=status,
            said=self._said,
            note=self._note,
        )

    def _take_in(self, lines: Sequence[str]) -> None:
        self._lines_seen += len(lines)
        for line in lines:
            if found := _TRANSCRIPT.search(line):
                self._said.append((_SPEAKS[found[1]], found[2]))
