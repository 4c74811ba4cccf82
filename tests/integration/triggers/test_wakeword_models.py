"""Wake words of an owner's own: loaded from files, and a file that is no good is named and harms nobody."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pymicro_wakeword
import pyopen_wakeword
import pytest

from device_daemon.config.settings import WakeWordTrigger
from device_daemon.errors import WakeWordsUnusable
from device_daemon.triggers.wakeword_engines import Engines
from device_daemon.triggers.wakeword_models import ModelCopies, file_flaw, find_model
from scripts.rig import words
from scripts.rig.tracks import Samples
from scripts.rig.utterance import VOICE_RATE_HZ, resample

MICRO = Path(pymicro_wakeword.__file__).parent / "models"
OPEN = Path(pyopen_wakeword.__file__).parent / "models"


def own_micro(folder: Path, word: str = "alexa") -> Path:
    """A microWakeWord model as an owner has it: two files, under a name of their own."""
    description = json.loads((MICRO / f"{word}.json").read_text(encoding="utf-8"))
    shutil.copy(MICRO / f"{word}.tflite", folder / "mine.tflite")
    path = folder / "computer.json"
    path.write_text(json.dumps(description | {"model": "mine.tflite"}), encoding="utf-8")
    return path


def pcm_of(word: str, which: int = 0) -> bytes:
    """The word as one of the voices calls it, at 16 kHz."""
    calls = [call for call in words.calls(word) if call.pause_ms is None]
    return at_16_khz(calls[which].samples)


def at_16_khz(samples: Samples) -> bytes:
    """Sound as an engine takes it."""
    return resample(samples, VOICE_RATE_HZ, 16_000).astype("<i2").tobytes()


def test_both_kinds_of_files_are_listened_for_at_once_and_each_word_is_told_from_the_other(tmp_path: Path) -> None:
    jarvis = tmp_path / "jarvis.tflite"
    shutil.copy(OPEN / "hey_jarvis.tflite", jarvis)
    triggers = [WakeWordTrigger(word=str(jarvis), sensitivity=1.0), WakeWordTrigger(word=str(own_micro(tmp_path)))]
    engine = Engines(triggers)
    assert {heard.index for heard in engine.hear(pcm_of("alexa"))} == {1}
    jarvis_score, alexa_score = engine.scores()
    assert jarvis_score < 1.0 < alexa_score
    engine.reset()
    heard = [each.index for which in range(8) for each in engine.hear(pcm_of("hey_jarvis", which))]
    assert set(heard) == {0}
    engine.close()


def test_the_stop_word_is_heard_from_every_accent_and_in_no_talk() -> None:
    engine = Engines([WakeWordTrigger(word="stop")])
    for number, voicing in enumerate(words.VOICINGS[::4]):
        said = np.concatenate([np.zeros(VOICE_RATE_HZ), words.say("stop", voicing), np.zeros(VOICE_RATE_HZ // 2)])
        assert engine.hear(at_16_khz(words.in_room(said, number))), voicing
        engine.reset()
    for who, samples in words.talk(words.VOICINGS[:2]):
        assert not engine.hear(at_16_khz(samples)), who
        engine.reset()
    engine.close()


def test_a_file_that_changes_while_it_is_listened_for_is_no_danger(tmp_path: Path) -> None:
    path = own_micro(tmp_path)
    engine = Engines([WakeWordTrigger(word=str(path))])
    (tmp_path / "mine.tflite").write_bytes(b"half a copy")
    path.unlink()
    engine.reset()
    assert engine.hear(pcm_of("alexa"))
    engine.close()


def test_what_is_installed_is_named_with_the_engine_that_knows_it() -> None:
    assert find_model("Alexa").kind == "microWakeWord"
    assert find_model("hey rhasspy").kind == "openWakeWord"


def damaged(folder: Path, how: str) -> Path:  # noqa: C901, PLR0912 - one table of damages
    """A model that cannot be used."""
    path = own_micro(folder)
    model = folder / "mine.tflite"
    description = json.loads(path.read_text(encoding="utf-8"))
    match how:
        case "not there":
            path.unlink()
        case "no model beside it":
            model.unlink()
        case "no JSON":
            path.write_text("model: mine.tflite")
        case "another path":
            path.write_text(json.dumps(description | {"model": "../../etc/mine.tflite"}))
        case "no cutoff":
            path.write_text(json.dumps(description | {"micro": {"sliding_window_size": 5}}))
        case "too large":
            path.write_text(" " * 100_000)
        case "cut off":
            model.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
        case "overwritten":
            content = bytearray(model.read_bytes())
            content[1000:9000] = os.urandom(8000)
            model.write_bytes(content)
        case "noise":
            model.write_bytes(os.urandom(5000))
        case "empty":
            model.write_bytes(b"")
        case "the other kind":
            shutil.copy(OPEN / "alexa.tflite", model)
        case "the other kind, the other way":
            return model
        case "a helper of openWakeWord":
            shutil.copy(OPEN / "embedding_model.tflite", model)
            return model
    return path


@pytest.mark.parametrize(
    "how",
    [
        "not there",
        "no model beside it",
        "no JSON",
        "another path",
        "no cutoff",
        "too large",
        "cut off",
        "overwritten",
        "noise",
        "empty",
        "the other kind",
        "the other kind, the other way",
        "a helper of openWakeWord",
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason_in_one_line(tmp_path: Path, how: str) -> None:
    path = damaged(tmp_path, how)
    with pytest.raises(WakeWordsUnusable) as caught:
        Engines([WakeWordTrigger(word=str(path))])
    assert str(tmp_path) in caught.value.message
    assert "\n" not in caught.value.message
    assert "Traceback" not in caught.value.message
    assert file_flaw(str(path)) == caught.value.message


def test_a_file_that_can_be_used_has_no_flaw_and_leaves_nothing_behind(tmp_path: Path) -> None:
    assert file_flaw(str(own_micro(tmp_path))) == ""
    copies = ModelCopies()
    copy = copies.of(find_model(str(own_micro(tmp_path))))
    assert copy.path.exists()
    copies.close()
    assert not copy.path.exists()
