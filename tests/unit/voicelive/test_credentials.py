"""Where the key is looked for, and what is said where it is not found."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

import pytest

from device_daemon.config.settings import Service
from device_daemon.errors import KeyMissing
from device_daemon.voicelive.credentials import KEY_VARIABLE, Key, credential_for, read_key
from device_daemon.voicelive.entra import Token

SECRET = "s3cret"


@pytest.fixture
def places(tmp_path: Path) -> tuple[Service, dict[str, str]]:
    """A config and an environment with a key in each of the three places."""
    (tmp_path / "api-key").write_text("from-systemd\n", encoding="utf-8")
    (tmp_path / "file").write_text("  from-file  \n\n", encoding="utf-8")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path), KEY_VARIABLE: "from-environment"}
    return Service(api_key_file=str(tmp_path / "file")), environment


def test_the_systemd_credential_comes_first_then_the_file_then_the_environment(
    places: tuple[Service, dict[str, str]],
) -> None:
    service, environment = places
    assert read_key(service, environment) == "from-systemd"
    Path(environment["CREDENTIALS_DIRECTORY"], "api-key").unlink()
    assert read_key(service, environment) == "from-file"
    Path(str(service.api_key_file)).unlink()
    assert read_key(service, environment) == "from-environment"


def test_without_a_key_all_three_places_are_named(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing) as caught:
        read_key(Service(api_key_file=str(tmp_path / "file")), {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    for place in (str(tmp_path / "api-key"), str(tmp_path / "file"), KEY_VARIABLE):
        assert place in str(caught.value)
    with pytest.raises(KeyMissing, match=r"not run by systemd.*not set"):
        read_key(Service(), {})


def test_a_service_without_credentials_is_not_said_to_be_run_by_hand() -> None:
    environment = {"SYSTEMD_EXEC_PID": str(os.getpid())}
    with pytest.raises(KeyMissing, match=r"systemd gives this service none, as in an LXC container"):
        read_key(Service(), environment)
    with pytest.raises(KeyMissing, match=r"not run by systemd"):  # started by a service: a terminal of a desktop, say
        read_key(Service(), {"SYSTEMD_EXEC_PID": "1"})


def test_a_stored_key_that_cannot_be_decrypted_is_reported_as_that(tmp_path: Path) -> None:
    (tmp_path / "api-key.problem").write_text("the key cannot be decrypted; store it again\n", encoding="utf-8")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    with pytest.raises(KeyMissing, match=r"^the key cannot be decrypted; store it again$"):
        read_key(Service(), environment)
    # Another place that holds a key is as good.
    assert read_key(Service(), environment | {KEY_VARIABLE: "from-environment"}) == "from-environment"


def test_a_file_may_be_given_from_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key").write_text("from-home", encoding="utf-8")
    assert read_key(Service(api_key_file="~/key"), {}) == "from-home"


@pytest.mark.parametrize("name", [".", "x" * 300, "~nobody-of-this-name/key"])
def test_a_file_that_cannot_be_read_is_named_and_not_passed_over(name: str, tmp_path: Path) -> None:
    path = name if name.startswith("~") else str(tmp_path / name)
    with pytest.raises(KeyMissing, match="cannot read the API key"):
        read_key(Service(api_key_file=path), {KEY_VARIABLE: "from-environment"})


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", f"{SECRET}\nand more".encode(), f"{SECRET} x".encode(), f"{SECRET}\xff".encode("latin-1")]
)
def test_what_is_no_key_is_refused_without_being_shown(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(KeyMissing) as caught:
        read_key(Service(api_key_file=str(tmp_path / "file")), {})
    assert str(tmp_path / "file") in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF8 + f"{SECRET}\r\n".encode(),
        f"{SECRET}\r\n".encode("utf-16"),
        codecs.BOM_UTF16_BE + f"{SECRET}\n".encode("utf-16-be"),
        f"\u200b{SECRET}\u200b\n".encode(),
        f"\u00a0{SECRET}\u2060".encode(),
        f"\n\t {SECRET} \n\n".encode(),
    ],
)
def test_a_key_is_understood_as_windows_editors_and_web_pages_leave_it(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    assert read_key(Service(api_key_file=str(tmp_path / "file")), {}) == SECRET


@pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o604, True), (0o640, False), (0o600, False)])
def test_a_key_that_everybody_can_read_is_warned_about_by_the_name_of_its_file(
    mode: int, warned: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "file"
    path.write_text(SECRET, encoding="utf-8")
    path.chmod(mode)
    assert read_key(Service(api_key_file=str(path)), {}) == SECRET
    assert (f"{path}: every user of this machine can read" in caplog.text) is warned
    assert SECRET not in caplog.text


async def test_a_key_travels_in_its_header_and_shows_itself_nowhere_else() -> None:
    credential = credential_for(Service(), {KEY_VARIABLE: SECRET})
    assert isinstance(credential, Key)
    assert await credential.headers() == {"api-key": SECRET}
    assert SECRET not in repr(credential) + str(credential)
    await credential.close()


async def test_an_entra_identity_signs_in_by_a_token() -> None:
    credential = credential_for(Service(auth="entra"), {})
    assert isinstance(credential, Token)
    await credential.close()
