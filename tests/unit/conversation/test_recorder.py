"""What is kept of a conversation's sound: the greeting, for the cache, and the last answer, to be repeated."""

from __future__ import annotations

from device_daemon.audio.pcm import BYTES_PER_MS
from device_daemon.conversation.events import AudioDelta
from device_daemon.conversation.recorder import LIMIT_MS, AnswerRecorder

SECOND = bytes(1000 * BYTES_PER_MS)


def delta(response_id: str, pcm: bytes) -> AudioDelta:
    return AudioDelta(response_id, "item", 0, pcm)


def test_the_greeting_and_the_last_answer_are_kept_apart() -> None:
    recorder = AnswerRecorder()
    assert recorder.answer() == b""
    assert recorder.greeting("r1") == b""
    recorder.add(delta("r1", b"he"), "r1")
    recorder.add(delta("r1", b"llo"), "r1")
    recorder.add(delta("r2", b"first answer"), "r1")
    recorder.add(delta("r3", b"second "), "r1")
    recorder.add(delta("r3", b"answer"), "r1")
    assert recorder.greeting("r1") == b"hello"
    assert recorder.greeting("r2") == b"", "that was an answer"
    assert recorder.answer() == b"second answer"


def test_a_greeting_that_is_too_long_is_not_kept_and_of_an_answer_the_beginning_is() -> None:
    recorder = AnswerRecorder()
    for _ in range(LIMIT_MS // 1000 + 1):
        recorder.add(delta("r1", SECOND), "r1")
        recorder.add(delta("r2", SECOND), "r1")
    assert recorder.greeting("r1") == b""
    assert len(recorder.answer()) == LIMIT_MS * BYTES_PER_MS
