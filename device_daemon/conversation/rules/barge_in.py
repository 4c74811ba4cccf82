"""The rules of barge-in: a person speaks, which interrupts what is said, and it goes on if nobody said anything. Pure.

The life of an interruption. speech_started makes the dialogue flush the speaker at once; the service cancels its own
response by itself. The speaker answers with Flushed: which item was audible, and how much of it was heard. Then each
item that was not heard to its end is truncated, so that the model knows what the person knows. A press does the same,
and also cancels the response. If the speech was only a cough and nothing follows it, the answer goes on where it
stopped (`resumable_answer`), and the model is told afterwards what was heard of it in all.
"""

from __future__ import annotations

from device_daemon.conversation.commands import Command
from device_daemon.conversation.parts import DialogueParts
from device_daemon.conversation.rules.microphone_gate import is_protected
from device_daemon.conversation.rules.steps import await_reply, listen
from device_daemon.state import State


def speech_started(parts: DialogueParts, now: float) -> list[Command]:
    """Turn detection hears a person: the speaker falls silent."""
    responses, turn = parts.responses, parts.turn
    if parts.policy.push_to_talk:
        return []
    if not turn.person_speaks:
        turn.speech_began_s = now
    turn.person_speaks, responses.cancel_next = True, False
    turn.pending = False
    if parts.greeting.pending or is_protected(parts):
        return []  # nothing of the person was sent: the service heard something else
    parts.greeting.done()
    parts.resumable.drop()
    if responses.accepted is not None and parts.playback.speaking:
        parts.resumable.interrupt(responses.accepted, responses.done)
    responses.drop()  # the service stops making it
    turn.farewell = False
    return [*parts.playback.stop(), *parts.calls.interrupted(), *listen(parts, now)]


def speech_stopped(parts: DialogueParts, now: float) -> list[Command]:
    """The person paused for long enough that an answer is expected."""
    turn = parts.turn
    if parts.policy.push_to_talk or turn.state is not State.LISTENING:
        return []
    spoken_s = now - turn.speech_began_s
    turn.question = turn.person_speaks and spoken_s >= parts.deadlines.question_s
    parts.resumable.speech_stopped(spoken_s, now)
    turn.person_speaks, turn.pending = False, True
    commands = await_reply(parts, now)
    if not turn.question:
        turn.wait.end()
    return commands


def transcript(parts: DialogueParts, role: str, text: str, response_id: str) -> None:
    """Take in the text of a turn: where the person said words, the interruption was a true one."""
    parts.memory.transcript.said(role, text, response_id)
    if role == "user" and text.strip():
        parts.resumable.drop()


def resume_answer(parts: DialogueParts, now: float) -> list[Command]:
    """Go on with the answer that a false interruption cut off."""
    playback, turn = parts.playback, parts.turn
    response_id, done = parts.resumable.interrupted, parts.resumable.done
    rest = parts.resumable.resume()
    if response_id is None or not rest or turn.state is not State.THINKING or playback.sounding:
        return []
    if not parts.can_be_heard:
        return []
    parts.resumable.resumed += 1
    turn.pending = False
    parts.responses.resume(response_id, done)
    plays = playback.resume(response_id, rest, now)
    parts.memory.transcript.cut(response_id, 1.0)
    if done is not None and done.status != "completed":
        parts.memory.transcript.broken_off(response_id, parts.resumable.received_ms)
    parts.memory.add_untold(response_id)
    return [*plays, *turn.enter(State.SPEAKING, now, until_s=parts.stalls_at_s)]
