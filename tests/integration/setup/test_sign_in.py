"""The question of a set-up how the speaker signs in: a key, or a person's account by a code."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from device_daemon.config.settings import Service
from device_daemon.doctor.person import Nobody
from device_daemon.errors import AuthRefused
from device_daemon.setup.answers import NEW_FILE, Answers, edited
from device_daemon.setup.interview import Interview

NOWHERE = "http://127.0.0.1:9"
"""Nothing listens there."""
SIGNED_IN = f"service: {{endpoint: '{NOWHERE}', auth: entra, entra: {{method: device-code, tenant_id: contoso}}}}\n"


class Person(Nobody):
    """Answers what was prepared, in order."""

    present = True

    def __init__(self, *answers: str | int | bool) -> None:
        self._answers = deque(answers)
        self.seen: list[str] = []

    def instruct(self, line: str, /) -> None:
        self.seen.append(line)

    async def ask(self, _question: str, default: str = "", /) -> str:
        return str(self._answers.popleft() or default)

    async def choose(self, _question: str, _choices: Sequence[str], default: int = 0, /) -> int:
        answer = self._answers.popleft()
        return default if answer == "" else int(answer)

    async def agree(self, _question: str, /) -> bool:
        return bool(self._answers.popleft())

    async def secret(self, _question: str, /) -> str:
        return str(self._answers.popleft())


class Accounts:
    """Signs in, after as many refusals as are asked for."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.asked: list[tuple[Service, str]] = []

    async def __call__(self, service: Service, environment: Mapping[str, str], show: Callable[[str, str], None]) -> str:
        self.asked.append((service, environment["STATE_DIRECTORY"]))
        show("https://microsoft.com/devicelogin", "ABCD-EFGH")
        if len(self.asked) <= self.refusals:
            raise AuthRefused("nobody has entered the code in time; sign in with a new one.")
        return "lisa@contoso.example"


async def answered(text: str, person: Person, accounts: Accounts, folder: Path) -> Interview:
    """Put the question about the voice service."""
    interview = Interview(person, folder / "config.yaml", text, Answers(), sign_in=accounts)
    await interview.put(interview.questions[0])
    return interview


async def test_a_code_is_shown_until_somebody_has_signed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    person, accounts = Person(NOWHERE, 1, True, False), Accounts(refusals=1)
    interview = await answered(NEW_FILE, person, accounts, tmp_path)
    assert interview.answers == Answers(endpoint=NOWHERE, sign_in="device-code")
    code = "open https://microsoft.com/devicelogin on any device and enter the code ABCD-EFGH (within 15 minutes)"
    assert [line for line in person.seen if line.startswith(("open", "nobody", "signed"))] == [
        code,
        "nobody has entered the code in time; sign in with a new one.",
        code,
        "signed in as lisa@contoso.example",
    ]
    assert {state for _, state in accounts.asked} == {str(tmp_path / "state")}


async def test_who_is_signed_in_signs_in_anew_with_enter_alone(tmp_path: Path) -> None:
    accounts = Accounts()
    interview = await answered(SIGNED_IN, Person("", "", False), accounts, tmp_path)
    assert edited(SIGNED_IN, interview.answers) == SIGNED_IN
    assert accounts.asked[0][0].entra.tenant_id == "contoso"


async def test_a_key_takes_the_place_of_a_sign_in(tmp_path: Path) -> None:
    interview = await answered(SIGNED_IN, Person("", 0, "a-key", False), Accounts(), tmp_path)
    assert interview.answers == Answers(endpoint=NOWHERE, sign_in="api-key")
    assert interview.key == "a-key"
