"""The config and its key: what is found, where, and never what the key is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from device_daemon.config.settings import Service
from device_daemon.doctor import settings as settings_module
from device_daemon.doctor.findings import Finding, Status
from device_daemon.doctor.programs import ProgramResult
from device_daemon.doctor.settings import CredentialPlaces, NotForThisUser, Settings, find_key_of_service
from device_daemon.errors import KeyMissing
from device_daemon.triggers.wakeword_models import INSTALL_COMMAND
from device_daemon.voicelive.credentials import KEY_VARIABLE

KEY = "s3cretS3cret"
CONFIG = "service: {endpoint: https://x.example}\ntriggers: [{type: button, pin: 17}]\n"
WITH_WORD = CONFIG.replace("type: button, pin: 17", "type: wake-word, word: alexa")


@pytest.fixture
def places(tmp_path: Path) -> CredentialPlaces:
    return CredentialPlaces(tmp_path / "run", tmp_path / "store" / "key", tmp_path / "store.encrypted" / "key")


async def look(text: str, folder: Path, environment: dict[str, str], places: CredentialPlaces) -> list[Finding]:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    settings = Settings(path, environment, places)
    findings = [finding async for finding in settings.check_config()]
    return findings + [finding async for finding in settings.check_credential()]


async def test_all_that_is_wrong_with_the_config_is_one_failure(tmp_path: Path, places: CredentialPlaces) -> None:
    config, credential = await look("service: {local: maybe}\nlights: 3\n", tmp_path, {}, places)
    assert config.status is Status.FAILED
    assert len(config.what.splitlines()) == 2
    assert str(tmp_path / "config.yaml") in config.remedy
    assert credential.status is Status.SKIPPED


async def test_a_valid_config_is_summed_up(tmp_path: Path, places: CredentialPlaces) -> None:
    config, _ = await look(CONFIG, tmp_path, {KEY_VARIABLE: KEY}, places)
    assert config.status is Status.OK
    assert config.what.endswith("1 greeting, 1 trigger, 0 lights")


async def test_without_the_engine_of_its_wake_words_the_config_fails_and_the_rest_goes_by_it_all_the_same(
    tmp_path: Path, places: CredentialPlaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("pymicro_wakeword", "pyopen_wakeword"):
        monkeypatch.setitem(sys.modules, package, None)
    config, credential = await look(WITH_WORD, tmp_path, {KEY_VARIABLE: KEY}, places)
    assert config.status is Status.FAILED
    assert "no engine that listens for words" in config.what
    assert config.remedy == INSTALL_COMMAND
    assert credential.status is Status.OK


async def test_a_wake_word_that_is_not_installed_is_fixed_in_the_config(
    tmp_path: Path, places: CredentialPlaces
) -> None:
    unknown = WITH_WORD.replace("alexa", "computer")
    config, credential = await look(unknown, tmp_path, {KEY_VARIABLE: KEY}, places)
    assert config.status is Status.FAILED
    assert "allowed: alexa, hey_jarvis, hey_mycroft, hey_rhasspy, okay_nabu" in config.what
    assert str(tmp_path / "config.yaml") in config.remedy
    assert credential.status is Status.OK
    config, _ = await look(WITH_WORD, tmp_path, {KEY_VARIABLE: KEY}, places)
    assert config.status is Status.OK


async def test_the_local_service_needs_no_key(tmp_path: Path, places: CredentialPlaces) -> None:
    _, credential = await look("service: {local: true}\n", tmp_path, {}, places)
    assert credential.status is Status.OK


async def test_the_key_is_named_by_its_place_and_never_shown(tmp_path: Path, places: CredentialPlaces) -> None:
    _, credential = await look(CONFIG, tmp_path, {KEY_VARIABLE: KEY}, places)
    assert credential.status is Status.OK
    assert KEY_VARIABLE in credential.what
    assert KEY not in repr(credential)


def test_without_systemd_around_it_the_services_own_key_is_found_in_the_order_systemd_takes_it(
    places: CredentialPlaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        settings_module, "run", lambda *command: ProgramResult(0, f"encrypted for {command[2]}"[:9], "")
    )
    for path, key in (
        (places.running / "api-key", "from-unit"),
        (places.encrypted, "ignored"),
        (places.plain, "from-plain"),
    ):
        path.parent.mkdir()
        path.write_text(key, encoding="utf-8")
    environment = {KEY_VARIABLE: KEY}
    assert find_key_of_service(Service(), environment, places) == ("from-unit", str(places.running / "api-key"))
    (places.running / "api-key").unlink()
    assert find_key_of_service(Service(), environment, places) == ("encrypted", str(places.encrypted))
    places.encrypted.unlink()
    assert find_key_of_service(Service(), environment, places) == ("from-plain", str(places.plain))
    places.plain.unlink()
    assert find_key_of_service(Service(), environment, places)[0] == KEY
    with pytest.raises(KeyMissing, match="no API key"):
        find_key_of_service(Service(), {}, places)


def test_run_by_systemd_only_what_systemd_gives_counts(places: CredentialPlaces, tmp_path: Path) -> None:
    places.plain.parent.mkdir()
    places.plain.write_text("from-plain", encoding="utf-8")
    with pytest.raises(KeyMissing):
        find_key_of_service(Service(), {"CREDENTIALS_DIRECTORY": str(tmp_path)}, places)


async def test_a_key_that_only_root_may_see_is_no_failure(
    places: CredentialPlaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = Path.open

    def refuse(path: Path, *arguments: Any, **options: Any) -> Any:
        if path == places.plain:
            raise PermissionError(13, "Permission denied")
        return allowed(path, *arguments, **options)

    # Root, as whom tests may run, is refused nothing.
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(NotForThisUser):
        find_key_of_service(Service(), {}, places)
    assert find_key_of_service(Service(), {KEY_VARIABLE: KEY}, places)[0] == KEY
    _, credential = await look(CONFIG, tmp_path, {}, places)
    assert credential.status is Status.SKIPPED
    assert credential.remedy == "sudo voicelive-speaker doctor"


@pytest.mark.parametrize(
    "answer", [ProgramResult(1, "", "Failed to decrypt\nno key of this host"), FileNotFoundError(2, "none")]
)
def test_a_key_that_cannot_be_decrypted_is_reported(
    places: CredentialPlaces, monkeypatch: pytest.MonkeyPatch, answer: ProgramResult | OSError
) -> None:
    def run(*_command: str) -> ProgramResult:
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(settings_module, "run", run)
    places.encrypted.parent.mkdir()
    places.encrypted.touch()
    with pytest.raises(KeyMissing, match="cannot be decrypted"):
        find_key_of_service(Service(), {}, places)
