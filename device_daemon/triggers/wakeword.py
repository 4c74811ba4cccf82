"""Wake words: listens for words in the microphone's sound, on this device only, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from device_daemon.audio.pcm import BYTES_PER_FRAME, BYTES_PER_MS
from device_daemon.audio.period import Period
from device_daemon.config.settings import WakeWordTrigger
from device_daemon.config.wake_words import label_of
from device_daemon.errors import SpeakerError, WakeWordsUnusable
from device_daemon.system.loop_bridge import post_to_loop
from device_daemon.triggers.wakeword_engine import Engine
from device_daemon.triggers.wakeword_engines import Engines
from device_daemon.triggers.wakeword_listener import Listener
from device_daemon.triggers.wakeword_models import check_words

logger = logging.getLogger(__name__)

BUFFER_S: Final = 2.0
"""How much sound may wait for a busy engine; then the oldest is dropped."""
BLOCK_MS: Final = 100
"""The engine is woken for so much sound at once: less costs more, more would be felt."""
_BUFFER_BYTES: Final = round(BUFFER_S * 1000) * BYTES_PER_MS
_BLOCK_BYTES: Final = BLOCK_MS * BYTES_PER_MS
_JOIN_S: Final = 5.0
"""An import cannot be interrupted, and on a slow card that of the engine takes a while."""
_HANGS_S: Final = 60.0
"""A block of 0.1 s is heard in 0.5 ms; loading the engine takes 20 s on the slowest Pi."""


class WakeWordCounters(Struct, frozen=True):
    """What happened since the program started."""

    heard: int = 0
    """Words that were reported."""
    dropped_periods: int = 0
    """Periods that waited for the engine for more than 2 s."""
    frames: int = 0
    """Frames of 24 kHz sound that the engine was given."""


class WakeWords:
    """Listens for words in the microphone's sound, on this device only.

    `on_word(trigger, ends_at_s)` is called in the loop's thread with the `time.monotonic()` at which the word ended:
    rather a bit before, so that nothing of a question that follows is lost. `on_ready` is called there, once, when the
    engine is loaded, which takes 20 s on the slowest Pi. `on_failure` is called there, once, if the engine cannot be
    loaded or fails: nothing is listened for from then on, and all else goes on. Raises WakeWordsUnusable if the engine
    is not installed, WakeWordUnknown if it does not know a word.
    """

    def __init__(
        self,
        triggers: Sequence[WakeWordTrigger],
        *,
        loop: asyncio.AbstractEventLoop,
        on_word: Callable[[WakeWordTrigger, float], None],
        on_failure: Callable[[SpeakerError], None],
        on_ready: Callable[[], None] = lambda: None,
        make_engine: Callable[[Sequence[WakeWordTrigger]], Engine] = Engines,
    ) -> None:
        check_words(triggers)
        self._triggers = tuple(triggers)
        self._loop = loop
        self._on_word = on_word
        self._on_failure = on_failure
        self._on_ready = on_ready
        self._make_engine = make_engine
        self._ready = threading.Condition()
        self._waiting: deque[Period] = deque()
        self._waiting_bytes = 0
        self._era = 0  # counts the resets
        self._stopping = False
        self._closed = False
        self._counters = WakeWordCounters()
        self._scores = [0.0] * len(self._triggers)
        self._new_sensitivities: dict[int, float] = {}
        """By index of the word; the thread takes them with the next block."""
        self._busy_since_s: float | None = loop.time()
        """Since when the engine is loaded, or listens to one block; None while it waits for sound."""
        self._ended = asyncio.Event()
        # A daemon only for the case that the engine never returns: close() joins it.
        self._thread = threading.Thread(target=self._run, name="wake-words", daemon=True)
        self._thread.start()

    @property
    def counters(self) -> WakeWordCounters:
        """What happened since the program started."""
        with self._ready:
            return self._counters

    def scores(self) -> list[float]:
        """Return the highest score of each word since this was asked the last time; 1 is what it takes to be heard."""
        with self._ready:
            scores, self._scores = self._scores, [0.0] * len(self._triggers)
        return scores

    def set_sensitivity(self, label: str, sensitivity: float) -> None:
        """Change how easily the word of that label is recognised, from 0 to 1."""
        with self._ready:
            for index, trigger in enumerate(self._triggers):
                if label_of(trigger.word) == label:
                    self._new_sensitivities[index] = sensitivity

    def put(self, periods: list[Period]) -> None:
        """Have the next periods listened to; returns at once. At most `BUFFER_S` wait: then the oldest are dropped."""
        with self._ready:
            if self._stopping:
                return
            self._waiting.extend(periods)
            self._waiting_bytes += sum(len(period.pcm) for period in periods)
            dropped = 0
            while self._waiting_bytes > _BUFFER_BYTES:
                self._waiting_bytes -= len(self._waiting.popleft().pcm)
                dropped += 1
            if dropped:
                self._count(dropped=dropped)
            if self._waiting_bytes >= _BLOCK_BYTES:
                self._ready.notify()

    def reset(self) -> None:
        """Forget the sound so far, also what waits: the stream has a gap. No word from before is reported any more."""
        with self._ready:
            self._waiting.clear()
            self._waiting_bytes = 0
            self._era += 1

    def unresponsive(self) -> str:
        """Return what is wrong with the engine's thread, "" for nothing: it is busy with one block for a minute."""
        with self._ready:
            since_s = None if self._stopping else self._busy_since_s
        if since_s is None or self._loop.time() - since_s < _HANGS_S:
            return ""
        return f"the wake word engine does not return since {_HANGS_S:g} s"

    async def close(self) -> None:
        """End the thread and wait for it, 5 s at most; no callback comes after the call. Idempotent."""
        with self._ready:
            self._stopping = self._closed = True
            self._era += 1
            self._ready.notify()
        try:
            await asyncio.wait_for(self._ended.wait(), _JOIN_S)
        except TimeoutError:
            logger.error("the wake word engine does not return: its thread is left behind")  # noqa: TRY400
            return
        self._thread.join()  # it has nothing left to do

    def _run(self) -> None:
        try:
            self._listen()
        except SpeakerError as error:
            logger.error("%s", error)  # noqa: TRY400 - for an owner, who needs no traceback
            self._fail(error)
        except Exception as error:
            logger.exception("the wake words' thread ends")
            self._fail(WakeWordsUnusable(f"the wake words stopped by a fault of this program ({error!r}): restart it"))
        finally:
            post_to_loop(self._loop, self._ended.set)

    def _listen(self) -> None:
        listener = Listener(self._make_engine(self._triggers), self._triggers)
        logger.info("wake words on this device: %s", ", ".join(label_of(trigger.word) for trigger in self._triggers))
        post_to_loop(self._loop, self._report_ready)
        try:
            era = 0
            while (taken := self._take()) is not None:
                block, block_era, sensitivities = taken
                for index, sensitivity in sensitivities.items():
                    listener.set_sensitivity(index, sensitivity)
                if block_era != era:
                    era = block_era
                    listener.reset()
                found, scores = listener.hear(block), listener.scores()
                with self._ready:
                    self._scores = list(map(max, self._scores, scores))
                    self._count(frames=sum(len(period.pcm) for period in block) // BYTES_PER_FRAME)
                for trigger, ends_at_s in found:
                    post_to_loop(self._loop, partial(self._report, trigger, ends_at_s, era))
        finally:
            listener.close()

    def _take(self) -> tuple[list[Period], int, dict[int, float]] | None:
        """Wait for a block of sound; return it, its era and what sensitivities are new, None when it is time to end."""
        with self._ready:
            self._busy_since_s = None
            self._ready.wait_for(lambda: self._stopping or self._waiting_bytes >= _BLOCK_BYTES)
            if self._stopping:
                return None
            block: list[Period] = []
            taken_bytes = 0
            while taken_bytes < _BLOCK_BYTES:
                block.append(self._waiting.popleft())
                taken_bytes += len(block[-1].pcm)
            self._waiting_bytes -= taken_bytes
            self._busy_since_s = self._loop.time()
            sensitivities, self._new_sensitivities = self._new_sensitivities, {}
            return block, self._era, sensitivities

    def _report(self, trigger: WakeWordTrigger, ends_at_s: float, era: int) -> None:
        with self._ready:
            if era != self._era:
                return
            self._count(heard=1)
        self._on_word(trigger, ends_at_s)

    def _fail(self, error: SpeakerError) -> None:
        with self._ready:
            self._stopping = True
            self._waiting.clear()
            self._waiting_bytes = 0
        post_to_loop(self._loop, partial(self._report_failure, error))

    def _report_ready(self) -> None:
        if not self._closed:
            self._on_ready()

    def _report_failure(self, error: SpeakerError) -> None:
        if not self._closed:
            self._on_failure(error)

    def _count(self, *, heard: int = 0, dropped: int = 0, frames: int = 0) -> None:
        was = self._counters
        self._counters = replace(
            was,
            heard=was.heard + heard,
            dropped_periods=was.dropped_periods + dropped,
            frames=was.frames + frames,
        )
