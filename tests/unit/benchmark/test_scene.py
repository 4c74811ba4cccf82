"""The benchmark's picture, its service, and where it takes the quickstart from."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import yaml

from device_daemon.config.reader import read
from device_daemon.config.settings import ButtonTrigger
from device_daemon.localservice.record import RecordEntry, SessionRecord
from scripts.benchmark.command_line import CannotMeasure
from scripts.benchmark.ours import NEW_PIN, config
from scripts.benchmark.picture import peaks, service_events, spells
from scripts.benchmark.quickstart import PINNED, SAMPLE, pinned_in, sample_in
from scripts.benchmark.scene import far
from scripts.rig.device import BUTTON_PIN


def test_the_daemon_is_measured_with_a_right_config_whose_second_greeting_is_never_kept() -> None:
    found = read(yaml.safe_dump(config("ws://127.0.0.1:1")), "the benchmark's config")
    buttons = [trigger for trigger in found.triggers if isinstance(trigger, ButtonTrigger)]
    kept = {trigger.pin: found.greetings[trigger.greeting].cache for trigger in buttons}
    assert kept == {BUTTON_PIN: True, NEW_PIN: False}


def test_how_loud_a_voice_is_is_told_for_each_20_ms() -> None:
    samples = np.zeros(24_000 // 50 * 3 + 5, np.int16)
    samples[500] = -16_384
    samples[-1] = 20_000
    assert peaks(samples) == [0.0, 0.5, 0.0]


def test_spells_are_when_something_was_on_to_the_end_if_it_still_is() -> None:
    changes = [(0.0, False), (1.0, True), (1.5, True), (2.0, False), (3.0, False), (4.0, True)]
    assert list(spells(changes, 5.0)) == [(1.0, 2.0), (4.0, 5.0)]
    assert list(spells(changes, 3.5)) == [(1.0, 2.0)]


def test_of_an_answers_sound_only_the_first_piece_is_drawn() -> None:
    kinds = ["session.created", "rate_limits.updated", "response.created", "response.audio.delta"]
    kinds += ["response.audio_transcript.delta", "response.audio.delta", "response.done", "response.audio.delta"]
    session = SessionRecord(1, 0.0)
    session.entries.extend(RecordEntry(float(at), "out", kind, {}) for at, kind in enumerate(kinds))
    assert service_events(session, 7.5) == [
        (0.0, "connected"),
        (2.0, "response"),
        (3.0, "first sound"),
        (7.0, "first sound"),
    ]
    assert service_events(session, 2.5) == [(0.0, "connected"), (2.0, "response")]


def test_a_far_service_is_half_of_the_way_there_and_three_ways_to_connect() -> None:
    faults = far(80, 300)
    assert (faults.network_delay_ms, faults.handshake_delay_ms, faults.synthesis_ms) == (40, 240, 300)


def _archive(path: Path, **members: bytes) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_the_sample_is_taken_out_of_the_source_and_nothing_else(tmp_path: Path) -> None:
    wanted = f"sdk-1.0__samples__{SAMPLE}"
    decoy = f"sdk-1.0__tests__samples__{SAMPLE}"
    archive = _archive(tmp_path / "sdk-1.0.tar.gz", **{decoy: b"no", wanted: b"yes"})
    assert sample_in(archive) == b"yes"
    assert [path.name for path in tmp_path.iterdir()] == ["sdk-1.0.tar.gz"]


def test_a_source_without_the_sample_is_named(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "sdk-2.0.tar.gz", **{"sdk-2.0__README.md": b""})
    with pytest.raises(CannotMeasure, match=r"sdk-2\.0\.tar\.gz holds no samples/basic_voice_assistant_async\.py"):
        sample_in(archive)


def test_the_sdks_source_is_fetched_by_the_hashes_of_the_speakers_own_version() -> None:
    entry = pinned_in(PINNED.read_text(encoding="utf-8"))
    assert entry.startswith("azure-ai-voicelive==")
    assert entry.count("--hash=sha256:") == 2
