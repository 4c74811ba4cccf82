"""The greeting cache: what was stored is found again, completely or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from device_daemon.config.settings import Config, Service
from device_daemon.greetings.cache import GreetingCache, Rendition, rendition_for

HELLO = Rendition("Hello!", "en-US-Ava", "https://x", "gpt-realtime")
PCM = bytes(range(200)) * 2


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_what_was_stored_is_found_again_also_after_a_restart(tmp_path: Path) -> None:
    cache = GreetingCache(tmp_path / "greetings")
    assert cache.load(HELLO) is None
    cache.put(HELLO, PCM)
    assert cache.load(HELLO) == PCM
    assert GreetingCache(tmp_path / "greetings").load(HELLO) == PCM
    assert (tmp_path / "greetings").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "other",
    [
        Rendition("Hello", "en-US-Ava", "https://x", "gpt-realtime"),
        Rendition("Hello!", "en-US-Eva", "https://x", "gpt-realtime"),
        Rendition("Hello!", "en-US-Ava", "https://y", "gpt-realtime"),
        Rendition("Hello!", "en-US-Ava", "https://x", "gpt-4o"),
        Rendition("Hello!", "en-US-Ava", "https://x", "gpt-realtime", 16_000),
        Rendition("Hello!en", "-US-Ava", "https://x", "gpt-realtime"),
    ],
)
def test_another_text_voice_service_model_or_rate_is_another_greeting(tmp_path: Path, other: Rendition) -> None:
    cache = GreetingCache(tmp_path)
    cache.put(HELLO, PCM)
    assert cache.load(other) is None


def test_the_voice_is_that_of_the_greeting_or_else_of_the_service() -> None:
    config = Config(Service(endpoint="https://x", voice="en-US-Ava"))
    assert rendition_for(config, "Hello!", None) == HELLO
    assert rendition_for(config, "Hello!", "de-DE-Katja").voice == "de-DE-Katja"
    assert rendition_for(Config(Service(local=True)), "Hello!", None).service == "local"


@given(cut=st.integers(0, 439), flip=st.integers(0, 439))
def test_a_damaged_file_is_deleted_and_counts_as_missing(
    tmp_path_factory: pytest.TempPathFactory, cut: int, flip: int
) -> None:
    folder = tmp_path_factory.mktemp("greetings")
    GreetingCache(folder).put(HELLO, PCM)
    path = only_file(folder)
    whole = path.read_bytes()
    assert len(whole) == 440
    for content in (whole[:cut], whole[:flip] + bytes([whole[flip] ^ 1]) + whole[flip + 1 :], whole + b"xx", b""):
        path.write_bytes(content)
        cache = GreetingCache(folder)
        assert cache.load(HELLO) is None
        assert cache.counters.damaged == 1
        assert not path.exists()


def test_what_is_no_sound_is_not_stored(tmp_path: Path) -> None:
    cache = GreetingCache(tmp_path, disk_bytes=1000)
    for pcm in (b"", b"odd", bytes(1000)):
        cache.put(HELLO, pcm)
        assert cache.load(HELLO) is None
    assert list(tmp_path.iterdir()) == []


def test_the_least_recently_used_is_evicted(tmp_path: Path) -> None:
    cache = GreetingCache(tmp_path, disk_bytes=1000)
    others = [Rendition(text, "v", "s") for text in "ab"]
    for age, rendition in enumerate((HELLO, *others)):
        cache.put(rendition, PCM)
        path = tmp_path / rendition.key
        if path.exists():
            os.utime(path, (1000.0 + age, 1000.0 + age))
    again = GreetingCache(tmp_path)
    assert [again.load(rendition) is not None for rendition in (HELLO, *others)] == [False, True, True]
    assert cache.counters.evicted == 1


def test_a_draft_that_a_power_cut_left_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "abc.new").write_bytes(b"half")
    GreetingCache(tmp_path).put(HELLO, PCM)
    assert only_file(tmp_path).name == HELLO.key


def test_the_memory_is_bounded_and_the_disk_has_the_rest(tmp_path: Path) -> None:
    cache = GreetingCache(tmp_path, memory_bytes=500)
    other = Rendition("Bye", "v", "s")
    cache.put(HELLO, PCM)
    cache.put(other, PCM[::-1])
    (tmp_path / HELLO.key).unlink()
    (tmp_path / other.key).unlink()
    assert cache.load(other) == PCM[::-1], "the last one is in memory"
    assert cache.load(HELLO) is None


def test_everything_can_be_deleted(tmp_path: Path) -> None:
    cache = GreetingCache(tmp_path)
    cache.put(HELLO, PCM)
    cache.clear()
    assert cache.load(HELLO) is None
    assert list(tmp_path.iterdir()) == []


class InAnyOrder(RuleBasedStateMachine):
    """Storing, damage and restarts in any order: what is found is what was stored last, or nothing."""

    renditions = st.sampled_from([Rendition(text, "v", "s") for text in "abc"])

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        for path in self.folder.iterdir():
            path.unlink()
        self.kept: dict[Rendition, bytes] = {}
        self.start_again()

    @rule()
    def start_again(self) -> None:
        self.cache = GreetingCache(self.folder, disk_bytes=2_000, memory_bytes=600)

    @rule(rendition=renditions, pcm=st.binary(min_size=2, max_size=400).filter(lambda pcm: len(pcm) % 2 == 0))
    def keep(self, rendition: Rendition, pcm: bytes) -> None:
        self.cache.put(rendition, pcm)
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
        assert self.cache.load(rendition) in {None, self.kept.get(rendition)}


def test_what_is_found_is_what_was_stored_last_in_any_order(tmp_path: Path) -> None:
    class InThisFolder(InAnyOrder):
        def __init__(self) -> None:
            super().__init__(tmp_path)

    run_state_machine_as_test(InThisFolder)


def test_a_cache_that_cannot_be_written_keeps_greetings_in_memory_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = GreetingCache(tmp_path)
    first, second = HELLO, Rendition("Bye!", "en-US-Ava", "https://x")
    for each in (first, second):
        (tmp_path / each.key).mkdir()  # a file cannot take its place
        cache.put(each, PCM)
    assert cache.contains(first)
    assert len(caplog.records) == 1
    assert "kept in memory" in caplog.text


def test_what_is_deleted_while_it_is_read_does_not_come_back(tmp_path: Path) -> None:
    class Deleted(GreetingCache):
        def _read(self, key: str) -> bytes | None:
            pcm = super()._read(key)
            self.clear()
            return pcm

    GreetingCache(tmp_path).put(HELLO, PCM)
    cache = Deleted(tmp_path)
    assert cache.load(HELLO) == PCM, "it was still there"
    assert cache.load(HELLO) is None


def test_a_disk_that_takes_no_greeting_is_a_state_until_it_takes_one_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    folder = tmp_path / "greetings"
    folder.write_text("in the way", encoding="utf-8")
    cache = GreetingCache(folder)
    assert cache.health.ok
    cache.put(HELLO, PCM)
    cache.put(HELLO, PCM)
    assert "cannot be cached on disk" in str(cache.health.failure)
    assert "cache: false" in str(cache.health.failure), "what to do"
    assert cache.load(HELLO) == PCM, "it is played from memory all the same"
    folder.unlink()
    cache.put(HELLO, PCM)
    assert cache.health.ok
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"], "each is logged once"
