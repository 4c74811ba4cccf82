"""Remembered greetings: what was kept is found again, whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from device_daemon.config.settings import Service
from device_daemon.greetings.cache import GreetingCache, Rendition, rendition_for

HELLO = Rendition("Hello!", "en-US-Ava", "https://x")
PCM = bytes(range(200)) * 2


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_what_was_kept_is_found_again_also_after_a_restart(tmp_path: Path) -> None:
    store = GreetingCache(tmp_path / "greetings")
    assert store.recall(HELLO) is None
    store.keep(HELLO, PCM)
    assert store.recall(HELLO) == PCM
    assert GreetingCache(tmp_path / "greetings").recall(HELLO) == PCM
    assert (tmp_path / "greetings").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "other",
    [
        Rendition("Hello", "en-US-Ava", "https://x"),
        Rendition("Hello!", "en-US-Eva", "https://x"),
        Rendition("Hello!", "en-US-Ava", "https://y"),
        Rendition("Hello!", "en-US-Ava", "https://x", 16_000),
        Rendition("Hello!en", "-US-Ava", "https://x"),
    ],
)
def test_another_text_voice_service_or_rate_is_another_greeting(tmp_path: Path, other: Rendition) -> None:
    store = GreetingCache(tmp_path)
    store.keep(HELLO, PCM)
    assert store.recall(other) is None


def test_the_voice_is_that_of_the_greeting_or_else_of_the_service() -> None:
    service = Service(endpoint="https://x", voice="en-US-Ava")
    assert rendition_for(service, "Hello!", None) == HELLO
    assert rendition_for(service, "Hello!", "de-DE-Katja").voice == "de-DE-Katja"
    assert rendition_for(Service(local=True), "Hello!", None).service == "local"


@given(cut=st.integers(0, 439), flip=st.integers(0, 439))
def test_a_damaged_file_is_dropped_and_counts_as_not_known(
    tmp_path_factory: pytest.TempPathFactory, cut: int, flip: int
) -> None:
    folder = tmp_path_factory.mktemp("greetings")
    GreetingCache(folder).keep(HELLO, PCM)
    path = only_file(folder)
    whole = path.read_bytes()
    assert len(whole) == 440
    for content in (whole[:cut], whole[:flip] + bytes([whole[flip] ^ 1]) + whole[flip + 1 :], whole + b"xx", b""):
        path.write_bytes(content)
        store = GreetingCache(folder)
        assert store.recall(HELLO) is None
        assert store.counters.damaged == 1
        assert not path.exists()


def test_what_is_no_sound_is_not_kept(tmp_path: Path) -> None:
    store = GreetingCache(tmp_path, disk_bytes=1000)
    for pcm in (b"", b"odd", bytes(1000)):
        store.keep(HELLO, pcm)
        assert store.recall(HELLO) is None
    assert list(tmp_path.iterdir()) == []


def test_the_one_that_was_used_longest_ago_makes_room(tmp_path: Path) -> None:
    store = GreetingCache(tmp_path, disk_bytes=1000)
    others = [Rendition(text, "v", "s") for text in "ab"]
    for age, rendition in enumerate((HELLO, *others)):
        store.keep(rendition, PCM)
        path = tmp_path / rendition.key
        if path.exists():
            os.utime(path, (1000.0 + age, 1000.0 + age))
    again = GreetingCache(tmp_path)
    assert [again.recall(rendition) is not None for rendition in (HELLO, *others)] == [False, True, True]
    assert store.counters.evicted == 1


def test_a_draft_that_a_power_cut_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "abc.new").write_bytes(b"half")
    GreetingCache(tmp_path).keep(HELLO, PCM)
    assert only_file(tmp_path).name == HELLO.key


def test_a_disk_that_cannot_be_written_is_told_once_and_the_greeting_is_remembered_until_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "greetings").write_text("a file in the place of the folder")
    store = GreetingCache(tmp_path / "greetings")
    store.keep(HELLO, PCM)
    store.keep(HELLO, PCM)
    assert store.recall(HELLO) == PCM
    (record,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "greetings" in record.getMessage()
    assert "cache: false" in record.getMessage()


def test_in_memory_too_there_is_a_bound_and_the_disk_has_the_rest(tmp_path: Path) -> None:
    store = GreetingCache(tmp_path, memory_bytes=500)
    other = Rendition("Bye", "v", "s")
    store.keep(HELLO, PCM)
    store.keep(other, PCM[::-1])
    (tmp_path / HELLO.key).unlink()
    (tmp_path / other.key).unlink()
    assert store.recall(other) == PCM[::-1], "the last one is at hand"
    assert store.recall(HELLO) is None


def test_everything_can_be_forgotten(tmp_path: Path) -> None:
    store = GreetingCache(tmp_path)
    store.keep(HELLO, PCM)
    store.forget()
    assert store.recall(HELLO) is None
    assert list(tmp_path.iterdir()) == []


class InAnyOrder(RuleBasedStateMachine):
    """Keeping, damage and restarts in any order: what is found is what was kept last, or nothing."""

    renditions = st.sampled_from([Rendition(text, "v", "s") for text in "abc"])

    @initialize()
    def begin(self) -> None:
        self.folder = Path(os.environ["GREETINGS_FOLDER"])
        for path in self.folder.iterdir():
            path.unlink()
        self.kept: dict[Rendition, bytes] = {}
        self.start_again()

    @rule()
    def start_again(self) -> None:
        self.store = GreetingCache(self.folder, disk_bytes=2_000, memory_bytes=600)

    @rule(rendition=renditions, pcm=st.binary(min_size=2, max_size=400).filter(lambda pcm: len(pcm) % 2 == 0))
    def keep(self, rendition: Rendition, pcm: bytes) -> None:
        self.store.keep(rendition, pcm)
        self.kept[rendition] = pcm

    @rule(rendition=renditions, byte=st.integers(0, 100))
    def damage(self, rendition: Rendition, byte: int) -> None:
        path = self.folder / rendition.key
        if path.exists():
            content = bytearray(path.read_bytes())
            content[byte % len(content)] ^= 0xFF
            path.write_bytes(content)

    @rule(rendition=renditions)
    def recall(self, rendition: Rendition) -> None:
        assert self.store.recall(rendition) in {None, self.kept.get(rendition)}


def test_what_is_found_is_what_was_kept_last_in_any_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREETINGS_FOLDER", str(tmp_path))
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(InAnyOrder)
