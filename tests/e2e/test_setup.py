"""`voicelive-speaker setup`: in a terminal from nothing to a greeting that is heard, and by options alone."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import yaml

from device_daemon.config.reader import load
from device_daemon.errors import EX_CONFIG, EX_USAGE
from device_daemon.setup.config_file import BACKUP_SUFFIX
from scripts.rig.device import DEADLINE_S, KEY
from tests.e2e.room import Room


class Person:
    """Answers questions in a terminal of its own."""

    def __init__(self, process: asyncio.subprocess.Process, terminal: int) -> None:
        self.process = process
        self._terminal = terminal
        self._read = 0
        self.seen = ""
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(terminal, self._take)

    def _take(self) -> None:
        try:
            self.seen += os.read(self._terminal, 65_536).decode().replace("\r\n", "\n")
        except OSError:  # the program has ended
            asyncio.get_running_loop().remove_reader(self._terminal)
        self._news.set()

    async def sees(self, text: str) -> None:
        """Wait for a text that was not waited for before."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                while (at := self.seen.find(text, self._read)) < 0:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pytest.fail(f"not seen: {text!r}\n{self.seen}")
        self._read = at + len(text)

    async def answers(self, question: str, answer: str = "") -> None:
        """Wait for a question and type the answer."""
        await self.sees(question)
        await self.sees(": ")
        self.types(f"{answer}\n")

    def types(self, text: str) -> None:
        os.write(self._terminal, text.encode())


async def set_up(config: Path, environment: Mapping[str, str], *options: str) -> Person:
    """Start the set-up in a terminal."""
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *("env", "--default-signal=INT"),  # which programs in the background of a shell ignore, and so their children
        *(sys.executable, "-m", "device_daemon", "setup", "--config", str(config), *options),
        env={**os.environ, "GPIOZERO_PIN_FACTORY": "mock", **environment},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    return Person(process, ours)


def surroundings(room: Room) -> dict[str, str]:
    return {
        **room.card.environment(),
        "STATE_DIRECTORY": str(room.folder / "state"),
        "RUNTIME_DIRECTORY": str(room.folder / "run"),
    }


async def test_from_nothing_to_a_greeting_that_is_heard(room: Room) -> None:
    config = room.folder / "new" / "config.yaml"
    room.card.say(np.random.default_rng(7).normal(0, 20, 24_000 * 50).astype(np.int16))
    person = await set_up(config, surroundings(room), "--button", "17", "--light", "led:25")

    await person.answers("endpoint", "https://portal.azure.com/#home")
    await person.sees("a web page, not the service")
    await person.answers("endpoint", room.service.endpoint)
    await person.answers("how does the speaker sign in?")
    await person.answers("API key", KEY)
    await person.sees("accepted the settings")
    await person.answers("language")
    await person.answers("which board")
    await person.answers("which loudspeaker?")
    await person.sees("did you hear chirps")
    person.types("y\n")
    await person.answers("which microphone?")
    await person.sees("background noise")
    await person.sees("say something now")
    room.says("one two three four five six seven eight nine ten eleven twelve")
    await person.sees("voice               ok")
    await person.answers("who is greeted", "Lisa")
    await person.answers("says first", "Hello {name} and welcome to this kitchen")
    await person.answers("which word")
    await person.sees(f"+++ {config} (new)")
    began_s = asyncio.get_running_loop().time()
    await person.answers("write")
    await room.sounds(began_s)
    await person.sees("greeting heard")
    person.process.send_signal(signal.SIGINT)
    async with asyncio.timeout(DEADLINE_S):
        await person.process.wait()

    loaded = load(config)
    assert loaded.service.endpoint == room.service.endpoint
    assert loaded.names == {"name": "Lisa"}
    assert KEY not in person.seen
    assert "Traceback" not in person.seen
    key_file = config.with_name("api-key")
    assert loaded.service.api_key_file == str(key_file)
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert key_file.read_text(encoding="utf-8").strip() == KEY


def by_options(config: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "device_daemon",
            "setup",
            "--non-interactive",
            "--no-start",
            "--config",
            config,
            *options,
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def test_one_command_with_options_writes_what_a_hundred_speakers_need(tmp_path: Path) -> None:
    config, key = tmp_path / "config.yaml", tmp_path / "key"
    key.write_text(f"{KEY}\n", encoding="utf-8")
    done = by_options(
        config,
        *("--endpoint", "https://museum.services.ai.azure.com", "--key-file", str(key), "--board", "respeaker-2mic"),
        *("--name", "visitor", "--greeting", "Welcome, {name}!", "--wake-word", "none"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert KEY not in done.stdout
    written = yaml.safe_load(config.read_text(encoding="utf-8"))
    assert written["audio"]["speaker"]["device"] == "plughw:CARD=seeed2micvoicec"
    assert written["triggers"] == [{"type": "button", "pin": 17, "greeting": "welcome"}]

    once_more = by_options(config, "--greeting", "Hi!")
    assert once_more.returncode == 0
    assert '-    say: "Welcome, {name}!"\n' in once_more.stdout
    assert load(config).greetings["welcome"].say == "Hi!"
    assert "Welcome" in Path(f"{config}{BACKUP_SUFFIX}").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--endpoint", "https://api.openai.com/v1"], EX_USAGE, "which is another one"),
        (["--board", "respeaker-2mik"], EX_USAGE, "did you mean 'respeaker-2mic'?"),
        (["--button", "GPIO17"], EX_USAGE, "allowed: a GPIO number (BCM)"),
        (["--light", "rgb-led:5,6"], EX_USAGE, "rgb-led:RED,GREEN,BLUE"),
        (["--key-file", "/nowhere"], EX_USAGE, "/nowhere does not exist"),
        (["--greeting", "Hi {nam}"], EX_CONFIG, "did you mean 'name'?"),
        (["--name", "Lisa"], EX_CONFIG, "service"),
    ],
)
def test_an_option_that_cannot_be_is_refused_in_one_sentence_and_nothing_is_written(
    tmp_path: Path, options: list[str], code: int, says: str
) -> None:
    config = tmp_path / "config.yaml"
    service = [] if "--name" in options or "--endpoint" in options else ["--endpoint", "none", "--name", "Lisa"]
    done = by_options(config, *service, *options)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not config.exists()


def test_without_a_terminal_it_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "device_daemon", "setup", "--config", tmp_path / "config.yaml"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == EX_USAGE
    assert "--non-interactive" in done.stderr


def test_a_folder_that_may_not_be_written_is_said_before_the_first_question(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):
        pytest.skip("root may write everywhere")
    assert "sudo" in by_options(folder / "config.yaml", "--endpoint", "none").stderr
