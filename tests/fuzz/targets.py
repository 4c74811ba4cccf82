"""What reads bytes that somebody else wrote, and what each promises of any bytes whatever.

A target raises if its promise is broken. tests/unit/fuzz throws hypothesis' bytes at all of them; scripts/fuzz guides
itself through their branches with atheris.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pymicro_wakeword
import requests

from device_daemon.config.reader import load
from device_daemon.config.settings import Config, Entra, Service
from device_daemon.device.control_protocol import Refused, execute
from device_daemon.errors import ConfigError, KeyMissing
from device_daemon.greetings.cache import GreetingCache, rendition_for
from device_daemon.system.foreign_text import safe
from device_daemon.system.saved_state import decode as decode_state
from device_daemon.triggers.wakeword_models import file_flaw
from device_daemon.voicelive.device_code import FILE, SignIn
from device_daemon.voicelive.wire import UndecodableMessage
from device_daemon.voicelive.wire import decode as decode_event
from tests.unit.device.recording_speaker import Speaker

_MOST_CHARACTERS: Final = 300
_NOTE_CHARACTERS: Final = 40
_folder = tempfile.TemporaryDirectory(prefix="fuzz-")
_FOLDER: Final = Path(_folder.name)
_RENDITION: Final = rendition_for(Config(Service(endpoint="https://a.services.ai.azure.com")), "hello", None)
_MODEL: Final = (Path(pymicro_wakeword.__file__).parent / "models" / "alexa.tflite").read_bytes()
_SOUND: Final = bytes(range(8)) * 4
_DESCRIPTION: Final = (
    b'{"type": "micro", "wake_word": "Alexa", "model": "model.tflite", "version": 2,'
    b' "micro": {"probability_cutoff": 0.9, "feature_step_size": 10, "sliding_window_size": 5}}'
)


def event(data: bytes) -> None:
    """A message of the service is an event, nothing, or undecodable."""
    try:
        decode_event(data, 0.0)
    except UndecodableMessage as error:
        assert str(error).isprintable(), error


def config(data: bytes) -> None:
    """A config file is a config, or a list of printable problems."""
    path = _FOLDER / "config.yaml"
    path.write_bytes(data)
    try:
        load(path)
    except ConfigError as error:
        assert error.problems
        assert all(line.isprintable() for line in error.problems), error.problems


def request(data: bytes) -> None:
    """A line for the control socket is answered or refused, and a refused one changes nothing."""
    speaker = Speaker()
    try:
        execute(speaker, data.decode(errors="replace"), 0.0)
    except Refused:
        assert speaker.done == []


def state(data: bytes) -> None:
    """A state file is read field by field, and where it does not say that the microphone is on, it is muted."""
    remembered, damaged = decode_state(data)
    assert remembered.muted or "muted" not in damaged
    assert remembered.muted or "the file" not in damaged


def greeting(data: bytes) -> None:
    """A file of the greeting cache is the sound that was written, or it is deleted."""
    cache = GreetingCache(_FOLDER / "greetings")
    path = _FOLDER / "greetings" / _RENDITION.key
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    sound = cache.load(_RENDITION)
    assert not path.exists() if sound is None else sound == data[-len(sound) :]


def foreign(data: bytes) -> None:
    """Any text becomes one line, short, with nothing in it that drives a terminal."""
    line = safe(data.decode(errors="surrogateescape"))
    assert len(line) <= _MOST_CHARACTERS + _NOTE_CHARACTERS
    assert not set(line) & {"\n", "\r", "\x1b", "\x07", "\x9b", "\u202e", "\u2028"}


def wake_word(data: bytes) -> None:
    """A description of a wake word model is one, or is refused in one printable line; the file beside it is missing."""
    path = _FOLDER / "word.json"
    path.write_bytes(data)
    flaw = file_flaw(str(path))
    assert flaw
    assert flaw.isprintable(), flaw


def wake_word_model(data: bytes) -> None:
    """A wake word model is used, or refused in one printable line; it never takes this process with it."""
    (_FOLDER / "model.tflite").write_bytes(data)
    path = _FOLDER / "model.json"
    path.write_bytes(_DESCRIPTION)
    assert file_flaw(str(path)).isprintable()


def sign_in(data: bytes) -> None:
    """A file with a person's sign-in holds one, or its owner is sent to sign in again."""
    (_FOLDER / FILE).write_bytes(data)
    try:
        SignIn(Entra(method="device-code"), "https://login.example", requests.Session(), _FOLDER).check()
    except KeyMissing as error:
        assert error.message.isprintable(), error


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "event": event,
    "config": config,
    "request": request,
    "state": state,
    "greeting": greeting,
    "foreign": foreign,
    "sign-in": sign_in,
    "wake word": wake_word,
    "wake word model": wake_word_model,
}
SLOW: Final = frozenset({"wake word model"})
"""Targets that start a process each time."""

SEEDS: Final[Mapping[str, tuple[bytes, ...]]] = {
    "event": (
        b'{"type": "response.audio.delta", "response_id": "r", "item_id": "i", "content_index": 0, "delta": "AAA="}',
        b'{"type": "session.created", "session": {"id": "s", "expires_at": 1.0}}',
        b'{"type": "error", "error": {"code": 500, "message": "\\u001b[31m", "event_id": null}}',
        b'{"type": "response.done", "response": {"id": "r", "status": "incomplete", "status_details": {"reason": 1}}}',
    ),
    "config": (
        b"service:\n  endpoint: https://a.services.ai.azure.com\ngreetings:\n  welcome: {say: 'Hi {daypart}'}\n",
        b"\xef\xbb\xbfservice: &a {local: true}\nlights: [{type: led, pin: 5}]\nx: *a\n",
        b"triggers:\n  - {type: schedule, at: '07:30', days: [mon], greeting: none}\n",
    ),
    "request": (b"say --listen -- hello", b"volume +10", b"mute on", b"status --json"),
    "state": (
        b'{"last_templates": {"a": "b"}, "last_conversation_at": "2026-11-29T00:00:00Z", "muted": false, "volume": 50}',
    ),
    "sign-in": (
        b'{"RefreshToken": {"a-b": {"credential_type": "RefreshToken", "secret": "0.a", "client_id": "b"}}}',
        b"{}",
    ),
    "greeting": (b"VLGREET1" + hashlib.sha256(_SOUND).digest() + _SOUND, b""),
    "wake word": (
        _DESCRIPTION,
        _DESCRIPTION.replace(b"model.tflite", b"mo\x7fdel.tflite"),
        b'{"model": "a.tflite", "wake_word": 1, "micro": null}',
    ),
    "wake word model": (_MODEL,),
    "foreign": ("a\u202eb\x1b[2J\r\n\u200d".encode(), b"\xff\xfe"),
}
"""Where a search begins."""
