"""Looking never hangs and never fails: whatever happens is a finding."""

from __future__ import annotations

import asyncio
import threading
from typing import NoReturn

import pytest

from device_daemon.doctor.findings import Finding, Status, ok
from device_daemon.doctor.runner import Check, CheckRunner, in_thread
from device_daemon.errors import DeviceUnknown

DEADLINE_S = 5.0


@pytest.fixture
def rounds() -> CheckRunner:
    return CheckRunner(lambda _: None, lambda error: f"mend {type(error).__name__}")


async def test_findings_are_told_when_they_are_there() -> None:
    told: list[Finding] = []
    rounds = CheckRunner(told.append, str)

    async def check() -> Check:
        yield ok("a", "fine")
        assert [finding.name for finding in told] == ["a"]
        yield ok("b", "fine")

    assert await rounds.look("both", check(), 5.0)
    assert told == rounds.findings
    assert [finding.name for finding in told] == ["a", "b"]


async def test_a_check_that_hangs_is_cut_short_cleans_up_and_keeps_what_it_found(rounds: CheckRunner) -> None:
    closed = asyncio.Event()

    async def check() -> Check:
        try:
            yield ok("a", "fine")
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with asyncio.timeout(DEADLINE_S):
        assert not await rounds.look("slow", check(), 0.01)
    assert closed.is_set()
    assert [finding.name for finding in rounds.findings] == ["a", "slow"]
    assert rounds.findings[1].status is Status.FAILED
    assert rounds.findings[1].what == "could not be checked: no result within 0.01 s"


async def test_what_this_program_knows_is_told_in_its_words_with_its_mend(rounds: CheckRunner) -> None:
    async def check() -> Check:
        raise DeviceUnknown("there is no speaker", "x")
        yield

    assert not await rounds.look("speaker", check(), 5.0)
    (finding,) = rounds.findings
    assert (finding.what, finding.mend) == ("there is no speaker", "mend DeviceUnknown")


@pytest.mark.parametrize(("error", "words"), [(ZeroDivisionError("by zero"), ": by zero"), (KeyError(), "")])
async def test_an_error_nobody_expected_is_a_finding_too(rounds: CheckRunner, error: Exception, words: str) -> None:
    async def check() -> Check:
        raise error
        yield

    assert not await rounds.look("thing", check(), 5.0)
    (finding,) = rounds.findings
    assert finding.status is Status.FAILED
    assert finding.what == f"could not be checked: {type(error).__name__}{words}"
    assert "--report" in finding.mend


async def test_work_in_a_thread_gives_its_result_or_its_error() -> None:
    def fail() -> NoReturn:
        raise OSError("broken")

    assert await in_thread(lambda: 42) == 42
    with pytest.raises(OSError, match="broken"):
        await in_thread(fail)


async def test_a_thread_that_never_returns_is_left_behind(rounds: CheckRunner) -> None:
    forever = threading.Event()

    async def check() -> Check:
        yield ok("driver", str(await in_thread(forever.wait)))

    async with asyncio.timeout(DEADLINE_S):
        assert not await rounds.look("driver", check(), 0.01)
    forever.set()  # its late result disturbs nobody
    assert [finding.what for finding in rounds.findings] == ["could not be checked: no result within 0.01 s"]
