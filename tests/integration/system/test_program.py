"""Programs of the owner that end well, badly, late or never: real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from device_daemon.system.program import KEPT_BYTES, environment_for_programs, run_program

PYTHON = sys.executable


def python(code: str, *arguments: str) -> list[str]:
    return [PYTHON, "-c", code, *arguments]


async def has_ended(pid: int) -> None:
    """Wait until a process is gone; one that nobody waits for yet (a zombie) counts as gone."""
    async with asyncio.timeout(5):
        while True:
            try:
                if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                    return
            except FileNotFoundError:
                return
            await asyncio.sleep(0.01)


async def test_what_it_writes_is_read_and_its_exit_code_kept() -> None:
    code = "import sys; print('open'); print('careful', file=sys.stderr); sys.exit(3)"
    finished = await run_program(python(code), {})
    assert (finished.exit_code, finished.output, finished.complaint) == (3, "open\n", "careful\n")
    assert not finished.flooded


async def test_its_arguments_reach_it_as_they_are() -> None:
    odd = ["$(reboot)", "; rm -rf /", "a b", '"', "ü"]
    finished = await run_program(python("import sys; print(sys.argv[1:])", *odd), {"LC_ALL": "C.UTF-8"})
    assert finished.output == f"{odd}\n"


async def test_it_gets_no_stdin_and_none_of_our_variables() -> None:
    code = "import os, sys; print(repr(sys.stdin.read()), sorted(os.environ))"
    finished = await run_program(python(code), {"PATH": "/usr/bin"})
    assert finished.output.startswith("'' ")
    assert "PATH" in finished.output
    assert "PYTEST_CURRENT_TEST" not in finished.output


def test_variables_that_lead_to_secrets_are_not_passed_on() -> None:
    ours = {
        "PATH": "/usr/bin",
        "LC_TIME": "de_DE.UTF-8",
        "AZURE_VOICELIVE_API_KEY": "k",
        "AZURE_CLIENT_SECRET": "s",
        "CREDENTIALS_DIRECTORY": "/run/credentials/x",
        "NOTIFY_SOCKET": "/run/systemd/notify",
        "HTTPS_PROXY": "http://user:password@proxy:3128",
    }
    assert environment_for_programs(ours) == {"PATH": "/usr/bin", "LC_TIME": "de_DE.UTF-8"}


async def test_one_that_cannot_be_run_raises() -> None:
    with pytest.raises(FileNotFoundError):
        await run_program(["/nonexistent/program"], {})


async def test_a_cancelled_one_is_killed_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    os.mkfifo(pids)
    code = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(60)\n"
    )
    running = asyncio.ensure_future(run_program(python(code), {"PATH": "/usr/bin:/bin"}))
    written = await asyncio.to_thread(pids.read_text)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    for pid in map(int, written.split()):
        await has_ended(pid)


async def test_one_that_ignores_the_polite_signals_is_killed_too() -> None:
    code = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.kill(os.getpid(), 9)"
    assert (await run_program(python(code), {})).exit_code == -signal.SIGKILL


async def test_a_flood_ends_it_and_its_beginning_is_kept() -> None:
    async with asyncio.timeout(20):
        finished = await run_program(python("while True: print('x' * 1000)"), {})
    assert finished.flooded
    assert finished.exit_code != 0
    assert len(finished.output) == KEPT_BYTES


async def test_much_on_one_pipe_does_not_block_the_other() -> None:
    code = "import sys; sys.stderr.write('e' * 200_000); sys.stdout.write('o' * 200_000)"
    finished = await run_program(python(code), {})
    assert finished.exit_code == 0
    assert (finished.output[:1], finished.complaint[:1]) == ("o", "e")


async def test_a_child_left_behind_with_the_pipes_holds_up_nobody_and_is_ended() -> None:
    code = "import subprocess\nchild = subprocess.Popen(['sleep', '60'])\nprint(child.pid)\n"
    async with asyncio.timeout(10):
        finished = await run_program(python(code), {"PATH": "/usr/bin:/bin"})
    assert finished.exit_code == 0
    await has_ended(int(finished.output))


async def test_one_that_closes_its_pipes_is_waited_for() -> None:
    code = "import os, sys, time; os.close(1); os.close(2); time.sleep(0.2); os._exit(7)"
    assert (await run_program(python(code), {})).exit_code == 7
