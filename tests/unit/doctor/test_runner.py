"""A check never hangs and never fails: whatever happens becomes a finding."""

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
def runner() -> CheckRunner:
    return CheckRunner(lambda _: None, lambda error: f"fix {type(error).__name__}")


async def test_a_finding_is_reported_as_soon_as_it_is_known() -> None:
    reported: list[Finding] = []
    runner = CheckRunner(reported.append, str)

    async def check() -> Check:
        yield ok("a", "fine")
        assert [finding.name for finding in reported] == ["a"]
        yield ok("b", "fine")

    assert await runner.run("both", check(), 5.0)
    assert reported == runner.findings
    assert [finding.name for finding in reported] == ["a", "b"]


async def test_a_check_that_hangs_is_cut_short_cleans_up_and_keeps_what_it_found(runner: CheckRunner) -> None:
    closed = asyncio.Event()

    async def check() -> Check:
        try:
            yield ok("a", "fine")
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with asyncio.timeout(DEADLINE_S):
        assert not await runner.run("slow", check(), 0.01)
    assert closed.is_set()
    assert [finding.name for finding in runner.findings] == ["a", "slow"]
    assert runner.findings[1].status is Status.FAILED
    assert runner.findings[1].what == "could not be checked: no result within 0.01 s"


async def test_a_check_that_waited_long_enough_itself_says_for_what(runner: CheckRunner) -> None:
    async def check() -> Check:
        raise TimeoutError("systemctl did not end within 10 s")
        yield

    assert not await runner.run("service", check(), 5.0)
    assert [finding.what for finding in runner.findings] == ["could not be checked: systemctl did not end within 10 s"]


async def test_a_known_error_is_reported_with_its_message_and_its_remedy(runner: CheckRunner) -> None:
    async def check() -> Check:
        raise DeviceUnknown("there is no speaker", "x")
        yield

    assert not await runner.run("speaker", check(), 5.0)
    (finding,) = runner.findings
    assert (finding.what, finding.remedy) == ("there is no speaker", "fix DeviceUnknown")


@pytest.mark.parametrize(("error", "words"), [(ZeroDivisionError("by zero"), ": by zero"), (KeyError(), "")])
async def test_an_unexpected_error_becomes_a_finding_too(runner: CheckRunner, error: Exception, words: str) -> None:
    async def check() -> Check:
        raise error
        yield

    assert not await runner.run("thing", check(), 5.0)
    (finding,) = runner.findings
    assert finding.status is Status.FAILED
    assert finding.what == f"could not be checked: {type(error).__name__}{words}"
    assert "--report" in finding.remedy


async def test_work_in_a_thread_gives_its_result_or_its_error() -> None:
    def fail() -> NoReturn:
        raise OSError("broken")

    assert await in_thread(lambda: 42) == 42
    with pytest.raises(OSError, match="broken"):
        await in_thread(fail)


async def test_a_thread_that_never_returns_is_left_behind(runner: CheckRunner) -> None:
    forever = threading.Event()

    async def check() -> Check:
        yield ok("driver", str(await in_thread(forever.wait)))

    async with asyncio.timeout(DEADLINE_S):
        assert not await runner.run("driver", check(), 0.01)
    forever.set()  # its late result disturbs nobody
    assert [finding.what for finding in runner.findings] == ["could not be checked: no result within 0.01 s"]
