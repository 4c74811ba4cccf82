"""Greetings as the service spoke them, kept on disk and in memory: played at once the next time.

A file holds a magic word, the digest of the sound, and the sound. Whatever is not exactly that is dropped, and the
service speaks the greeting anew.
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
from device_daemon.config.settings import Service

logger = logging.getLogger(__name__)

MIB = 1024 * 1024
DISK_LIMIT_BYTES = 8 * MIB
MEMORY_LIMIT_BYTES = 2 * MIB
TOUCH_AFTER_S = 86_400.0
"""How often a file in use is marked as such: once a day spares the memory card."""
_MAGIC = b"VLGREET1"
_DIGEST_BYTES = hashlib.sha256().digest_size
_HEAD_BYTES = len(_MAGIC) + _DIGEST_BYTES
_DRAFT = ".new"


class Rendition(Struct, frozen=True):
    """What makes two recordings the same."""

    text: str
    voice: str
    service: str
    """Where the voice comes from."""
    rate_hz: int = SAMPLE_RATE_HZ

    @property
    def key(self) -> str:
        """The name of its file."""
        fields = (self.text, self.voice, self.service, str(self.rate_hz))
        # With each length before it, no two different renditions look alike.
        joined = b"".join(f"{len(field)}:{field}".encode("utf-8", "surrogatepass") for field in fields)
        return hashlib.sha256(joined).hexdigest()[:40]


def rendition_for(service: Service, text: str, voice: str | None) -> Rendition:
    """A text as this service speaks it, in its own voice or another one."""
    return Rendition(text, voice or service.voice, "local" if service.local else service.endpoint or "")


class StoreCounters(Struct):
    """What happened since the program started."""

    kept: int = 0
    found: int = 0
    missed: int = 0
    damaged: int = 0
    evicted: int = 0


class GreetingCache:
    """Sound by rendition, 24 kHz mono S16LE. Safe to use from several threads; never raises because of the disk."""

    def __init__(
        self, folder: Path, *, disk_bytes: int = DISK_LIMIT_BYTES, memory_bytes: int = MEMORY_LIMIT_BYTES
    ) -> None:
        self.counters = StoreCounters()
        self._folder = folder
        self._disk_bytes = disk_bytes
        self._memory_bytes = memory_bytes
        self._lock = threading.Lock()
        self._at_hand: OrderedDict[str, bytes] = OrderedDict()
        """What was used last is at the end."""
        self._told = False

    def recall(self, rendition: Rendition) -> bytes | None:
        """The sound, None if it is not known. Once it was recalled or kept this costs microseconds."""
        with self._lock:
            pcm = self._recall(rendition.key)
            self.counters.found += pcm is not None
            self.counters.missed += pcm is None
            return pcm

    def knows(self, rendition: Rendition) -> bool:
        """Whether it would be found; brings it from the disk to hand."""
        with self._lock:
            return self._recall(rendition.key) is not None

    def keep(self, rendition: Rendition, pcm: bytes) -> None:
        """Remember the sound: all of it, whatever happens, or nothing. Takes as long as the disk takes."""
        if not pcm or len(pcm) % BYTES_PER_FRAME or len(pcm) + _HEAD_BYTES > self._disk_bytes:
            return
        with self._lock:
            self._hold(rendition.key, pcm)
            try:
                self._write(rendition.key, pcm)
                self._evict()
            except OSError as error:
                self._tell(error)
            self.counters.kept += 1

    def forget(self) -> None:
        """Forget everything."""
        with self._lock:
            self._at_hand.clear()
            for path in self._files():
                _unlink(path)

    def _recall(self, key: str) -> bytes | None:
        pcm = self._at_hand.get(key)
        if pcm is None:
            pcm = self._read(key)
        if pcm is not None:
            self._hold(key, pcm)
        return pcm

    def _hold(self, key: str, pcm: bytes) -> None:
        self._at_hand[key] = pcm
        self._at_hand.move_to_end(key)
        while sum(map(len, self._at_hand.values())) > self._memory_bytes and len(self._at_hand) > 1:
            self._at_hand.popitem(last=False)

    def _read(self, key: str) -> bytes | None:
        path = self._folder / key
        try:
            with path.open("rb") as file:
                pcm = _unpacked(file.read(self._disk_bytes + 1))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self.counters.damaged += 1
            logger.info("%s: a remembered greeting is damaged (%s); the service speaks it anew", path, error)
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
        """Keep within the bound; what was used longest ago goes first, and drafts of a power cut with it."""
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

    def _tell(self, error: OSError) -> None:
        if not self._told:
            self._told = True
            logger.warning(
                "%s: greetings cannot be kept (%s); they are remembered until this stops. Free some space, or set"
                " `cache: false` for them",
                self._folder,
                error.strerror or error,
            )


def _unpacked(content: bytes) -> bytes:
    """The sound in a file; raises ValueError unless it is whole."""
    digest, pcm = content[len(_MAGIC) : _HEAD_BYTES], content[_HEAD_BYTES:]
    if not content.startswith(_MAGIC) or not pcm or len(pcm) % BYTES_PER_FRAME:
        raise ValueError("not a whole file")
    if hashlib.sha256(pcm).digest() != digest:
        raise ValueError("not what was written")
    return pcm


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
