"""The command line as people and scripts see it: words, streams and exit codes."""

import asyncio
import json
import os
import socket
import sys
from pathlib import Path

import yaml

from device_daemon import __version__
from device_daemon.triggers.wakeword_models import INSTALL_COMMAND
from scripts.rig.device import config_for
from tests.e2e.room import Room

WRONG = """\
service:
  endpoint: http://example.org
  modle: gpt-realtime
conversation:
  idle_timeout_s: soon
greetings:
  welcome: {say: "Hi {nmae}"}
triggers:
  - {type: button, pin: 17, greeting: welcom}
lights:
  - {type: led, pin: 17}
"""

HANDS_FREE = """\
service:
  local: true
triggers:
  - {type: button, pin: 17}
  - {type: wake-word, word: okay nabbu}
  - {type: motion, pin: 17}
  - {type: schedule, at: "07:30", days: daily}
  - {type: schedule, at: "07:30", days: "sat,sun"}
"""
ONE_WORD = """\
service: {local: true}
triggers:
  - {type: wake-word, word: alexa}
"""


class Shell:
    """A person at a terminal of that machine."""

    def __init__(self, room: Room, runtime: Path, **environment: str) -> None:
        self._environment = {
            **os.environ,
            **room.card.environment(),
            "RUNTIME_DIRECTORY": str(runtime),
            "STATE_DIRECTORY": str(room.folder / "state"),
            "XDG_CONFIG_HOME": str(room.folder),
            **environment,
        }

    async def types(self, *words: str) -> tuple[int | None, str, str]:
        """The exit code, standard output and standard error of a command."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "device_daemon", *words),
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert b"Traceback" not in err
        return process.returncode, out.decode(), err.decode()


async def test_help_version_and_wrong_words(room: Room) -> None:
    shell = Shell(room, room.folder)
    code, out, _ = await shell.types("--help")
    assert code == 0
    commands = "run check-config devices press hold greet say stop mute volume status local-service"
    for word in [*commands.split(), "78", "AZURE_VOICELIVE_API_KEY"]:
        assert word in out
    assert await shell.types("--version") == (0, f"voicelive-speaker {__version__}\n", "")
    code, out, err = await shell.types("sing")
    assert (code, out) == (64, "")
    assert "sing" in err
    code, _, err = await shell.types()
    assert code == 64
    assert "COMMAND" in err


async def test_a_missing_or_wrong_config_is_told_with_all_that_is_wrong_and_78(room: Room) -> None:
    shell = Shell(room, room.folder)
    missing = room.folder / "missing.yaml"
    for command in ("run", "check-config"):
        code, out, err = await shell.types(command, "--config", str(missing))
        assert (code, out) == (78, "")
        assert str(missing) in err

    path = room.folder / "wrong.yaml"
    path.write_text(WRONG)
    expected = {2: "http", 3: "model", 5: "soon", 7: "{nmae}", 9: "welcome", 11: "17"}
    for command in ("run", "check-config"):
        code, out, err = await shell.types(command, "--config", str(path))
        assert (code, out) == (78, "")
        for line, words in expected.items():
            told = [told for told in err.splitlines() if told.startswith(f"{path}:{line}:")]
            assert told, f"nothing about line {line} in {err}"
            assert words in told[0]


async def test_check_config_and_devices_with_a_good_config(room: Room) -> None:
    shell = Shell(room, room.folder)
    path = room.folder / "good.yaml"
    path.write_text(yaml.safe_dump(config_for("wss://speech.example.org")))
    code, out, err = await shell.types("check-config", "--config", str(path))
    assert (code, err) == (0, "")
    assert out == f"{path}: ok\n"
    path.write_text(yaml.safe_dump(config_for("wss://speech.example.org", audio={"echo": "service"})))
    code, out, err = await shell.types("check-config", "--config", str(path))
    assert "only a press interrupts a greeting (welcome)" in out, "what people would otherwise find out by talking"
    code, out, err = await shell.types("devices", "--config", str(path))
    assert (code, err) == (0, "")
    assert "simcard" in out
    assert "* default" in out


async def test_triggers_that_cannot_be_are_told_all_at_once_with_what_is_allowed(room: Room) -> None:
    path = room.folder / "hands-free.yaml"
    path.write_text(HANDS_FREE)
    code, out, err = await Shell(room, room.folder).types("check-config", "--config", str(path))
    assert (code, out) == (78, "")
    words = "alexa, hey_jarvis, hey_mycroft, hey_rhasspy, okay_nabu (did you mean 'okay_nabu'?)"
    own = "on the same days (sat, sun); give each a time of its own"
    assert [line.removeprefix(f"{path}:") for line in err.splitlines() if line.startswith(str(path))] == [
        f"5:29: triggers[1].word: found 'okay nabbu', which is not installed; allowed: {words}",
        "6:25: triggers[2].pin: found 17, which triggers[0].pin (line 4) uses already; give each a pin of its own",
        f"7:26: triggers[3].at: found '07:30', as has triggers[4].at (line 8) {own}",
        f"8:26: triggers[4].at: found '07:30', as has triggers[3].at (line 7) {own}",
    ]


async def test_without_the_engine_its_words_are_told_with_the_one_command_that_installs_it(room: Room) -> None:
    path = room.folder / "word.yaml"
    path.write_text(ONE_WORD)
    # As Python says of a package that is not there; only the process that is called is told so.
    (room.folder / "sitecustomize.py").write_text(
        "import sys; sys.modules['pymicro_wakeword'] = sys.modules['pyopen_wakeword'] = None"
    )
    shell = Shell(room, room.folder, PYTHONPATH=str(room.folder))
    told = (
        f"3:29: triggers[0].word: found 'alexa', and no engine that listens for words; `{INSTALL_COMMAND}` installs it"
    )
    code, out, err = await shell.types("check-config", str(path))
    assert (code, out) == (78, "")
    assert err.splitlines() == [f"{path}:{told}", "      - {type: wake-word, word: alexa}", " " * 32 + "^"]


async def test_words_are_checked_without_the_time_it_takes_to_load_an_engine(room: Room) -> None:
    path = room.folder / "word.yaml"
    path.write_text(ONE_WORD)
    shell = Shell(room, room.folder, PYTHONPROFILEIMPORTTIME="1")
    code, out, err = await shell.types("check-config", "--config", str(path))
    assert (code, out) == (0, f"{path}: ok\n")
    imported = {line.rpartition("|")[2].strip() for line in err.splitlines()}
    assert "device_daemon.triggers.wakeword_models" in imported
    assert not {"numpy", "pymicro_wakeword", "alsaaudio"} & imported


async def test_control_commands_with_and_without_a_speaker(room: Room) -> None:
    nobody = Shell(room, room.folder / "nowhere")
    code, out, err = await nobody.types("press")
    assert (code, out) == (69, "")
    assert "no speaker is running here" in err

    async with room.speaker() as device:
        shell = Shell(room, room.folder / "speaker" / "run")
        code, out, err = await shell.types("volume", "-5")
        assert (code, out, err) == (0, "volume 95\n", "")
        assert await shell.types("volume") == (0, "95\n", "")
        assert await shell.types("mute") == (0, "off\n", "")
        code, out, _ = await shell.types("status", "--json")
        assert code == 0
        status = json.loads(out)
        assert (status["version"], status["hostname"]) == (__version__, socket.gethostname())
        assert (status["model"], status["config_error"]) == ("gpt-realtime", None)
        assert status["config"].endswith("config.yaml")
        code, out, err = await shell.types("greet", "nobody")
        assert (code, out) == (1, "")
        assert "there are: welcome, none" in err
        code, out, _ = await nobody.types("press", "--socket", str(device.socket))
        assert (code, out) == (0, "opening a conversation\n")
        await device.enters("listening")
        announcing = asyncio.create_task(shell.types("say", "dinner", "is", "ready"))
        code, _, err = await shell.types("again")
        assert code == 1
        assert "no answer to repeat" in err
    code, out, err = await announcing
    assert (code, out) == (1, "")
    assert "it was not said: the speaker is being stopped" in err
