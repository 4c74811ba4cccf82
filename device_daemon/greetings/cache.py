"""Cache of greetings as the service spoke them, on disk and in memory: the next time they are played at once.

A file holds a magic number, the SHA-256 digest of the sound, and the sound. Any other content is deleted, and the
service speaks the greeting anew. The memory's lock is never held during file access: a press does not wait for a disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
import time
from collections import OrderedDict
from pathlib import Path

from msgspec import Struct

from device_daemon.audio.pcm import BYTES_PER_FRAME, SAMPLE_RATE_HZ
from device_daemon.config.settings import Config
from device_daemon.errors import SpeakerError
from device_daemon.health import Health, Part

logger = logging.getLogger(__name__)

MIB = 1024 * 1024
DISK_LIMIT_BYTES = 8 * MIB
MEMORY_LIMIT_BYTES = 2 * MIB
TOUCH_AFTER_S = 86_400.0
"""How often the time of last use is written to a file: once a day spares the memory card."""
_MAGIC = b"VLGREET1"
_DIGEST_BYTES = hashlib.sha256().digest_size
_HEAD_BYTES = len(_MAGIC) + _DIGEST_BYTES
_DRAFT = ".new"


class Rendition(Struct, frozen=True):
    """The cache key: what makes two recordings the same."""

    text: str
    voice: str
    service: str
    """Where the voice comes from."""
    speaker: str = ""
    """The model or agent that speaks there."""
    rate_hz: int = SAMPLE_RATE_HZ

    @property
    def group(self) -> str:
        """The beginning of the key: the same for everything that one model or agent of a service speaks."""
        return _digest(self.service, self.speaker)[:8]

    @property
    def key(self) -> str:
        """The name of its file."""
        return self.group + _digest(self.text, self.voice, str(self.rate_hz))[:32]


def _digest(*fields: str) -> str:
    # With each length before it, no two different renditions look alike.
    joined = b"".join(f"{len(field)}:{field}".encode("utf-8", "surrogatepass") for field in fields)
    return hashlib.sha256(joined).hexdigest()


def rendition_for(config: Config, text: str, voice: str | None) -> Rendition:
    """Return the rendition of a text by the model or agent of this config, in its own voice or another one."""
    service, agent = config.service, config.service.agent
    speaker = f"{agent.project}/{agent.name}/{agent.version or ''}" if agent else service.model
    return Rendition(text, voice or config.voice, "local" if service.local else service.endpoint or "", speaker)


class CacheCounters(Struct):
    """What happened since the program started."""

    kept: int = 0
    found: int = 0
    missed: int = 0
    damaged: int = 0
    evicted: int = 0


class GreetingCache:
    """Sound by rendition, 24 kHz mono S16LE. Thread-safe; never raises because of the disk."""

    def __init__(
        self, folder: Path, *, disk_bytes: int = DISK_LIMIT_BYTES, memory_bytes: int = MEMORY_LIMIT_BYTES
    ) -> None:
        self.counters = CacheCounters()
        self.health = Health(Part.GREETING_CACHE)
        """Whether the disk takes greetings; changed with `_disk_lock` held."""
        self._folder = folder
        self._disk_bytes = disk_bytes
        self._memory_bytes = memory_bytes
        self._memory_lock = threading.Lock()
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        """Least recently used first."""
        self._cleared = 0
        """How often: what was read from disk before that does not come back into memory."""
        self._disk_lock = threading.Lock()
        """Held while files are written or deleted."""

    def get(self, rendition: Rendition) -> bytes | None:
        """Return the sound if it is in memory, else None. Takes microseconds: no file access."""
        pcm = self._from_memory(rendition.key)
        self.counters.found += pcm is not None
        return pcm

    def load(self, rendition: Rendition) -> bytes | None:
        """Return the sound from memory or from disk, None if it is not known. Takes as long as the disk takes."""
        pcm = self._load(rendition.key)
        self.counters.found += pcm is not None
        self.counters.missed += pcm is None
        return pcm

    def contains(self, rendition: Rendition) -> bool:
        """Return whether `load` would find it, and have it in memory. Takes as long as the disk takes."""
        return self._load(rendition.key) is not None

    def put(self, rendition: Rendition, pcm: bytes) -> None:
        """Store the sound completely or, where it is empty, odd or too long, not at all. Waits for the disk."""
        if not pcm or len(pcm) % BYTES_PER_FRAME or len(pcm) + _HEAD_BYTES > self._disk_bytes:
            return
        with self._memory_lock:
            self._to_memory(rendition.key, pcm)
        with self._disk_lock:
            try:
                self._write(rendition.key, pcm)
                self._evict()
            except OSError as error:
                self._write_failed(error)
            else:
                if self.health.recovered(time.monotonic()):
                    logger.info("%s: greetings are cached on disk again", self._folder)
            self.counters.kept += 1

    def clear(self, group: str = "") -> None:
        """Delete everything, or what one model or agent spoke (`Rendition.group`)."""
        with self._disk_lock:
            for path in self._files():
                if path.name.startswith(group):
                    _unlink(path)
        with self._memory_lock:
            self._cleared += 1
            for key in [key for key in self._memory if key.startswith(group)]:
                del self._memory[key]

    def _load(self, key: str) -> bytes | None:
        cleared = self._cleared
        pcm = self._from_memory(key)
        if pcm is None and (pcm := self._read(key)) is not None:
            with self._memory_lock:
                if self._cleared == cleared:
                    self._to_memory(key, pcm)
        return pcm

    def _from_memory(self, key: str) -> bytes | None:
        with self._memory_lock:
            if (pcm := self._memory.get(key)) is not None:
                self._memory.move_to_end(key)
            return pcm

    def _to_memory(self, key: str, pcm: bytes) -> None:
        """With `_memory_lock` held."""
        self._memory[key] = pcm
        self._memory.move_to_end(key)
        while sum(map(len, self._memory.values())) > self._memory_bytes and len(self._memory) > 1:
            self._memory.popitem(last=False)

    def _read(self, key: str) -> bytes | None:
        path = self._folder / key
        try:
            with path.open("rb") as file:
                pcm = _unpacked(file.read(self._disk_bytes + 1))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self.counters.damaged += 1
            logger.info("%s: a cached greeting is damaged (%s); the service speaks it anew", path, error)
            _unlink(path)
            return None
        with contextlib.suppress(OSError):
            if abs(time.time() - path.stat().st_mtime) > TOUCH_AFTER_S:
                os.utime(path)
        return pcm

    def _write(self, key: str, pcm: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / key
        draft = path.with_suffix(_DRAFT)
        try:
            with draft.open("wb") as file:
                file.write(_MAGIC + hashlib.sha256(pcm).digest() + pcm)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError:
            _unlink(draft)
            raise

    def _evict(self) -> None:
        """Keep within the bound: the least recently used goes first, and drafts that a power cut left."""
        found = []
        for path in self._files():
            if path.suffix == _DRAFT:
                _unlink(path)
            else:
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._disk_bytes:
                return
            _unlink(path)
            self.counters.evicted += 1
            total -= size

    def _files(self) -> list[Path]:
        try:
            return list(self._folder.iterdir())
        except OSError:
            return []

    def _write_failed(self, error: OSError) -> None:
        failure = SpeakerError(
            f"{self._folder}: greetings cannot be cached on disk ({error.strerror or error}); they are kept in memory until"
            " this program ends. Free some space, or set `cache: false` for them"
        )
        if self.health.failed(failure, time.monotonic()):
            logger.warning("%s", failure)


def _unpacked(content: bytes) -> bytes:
    """Return the sound in a file; raises ValueError unless it is complete."""
    digest, pcm = content[len(_MAGIC) : _HEAD_BYTES], content[_HEAD_BYTES:]
    if not content.startswith(_MAGIC) or not pcm or len(pcm) % BYTES_PER_FRAME:
        raise ValueError("not a complete file")
    if hashlib.sha256(pcm).digest() != digest:
        raise ValueError("not what was written")
    return pcm


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
