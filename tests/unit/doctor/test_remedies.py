"""Each failure this program knows has a remedy."""

from pathlib import Path

import pytest

from device_daemon import errors
from device_daemon.doctor.remedies import remedy_for

CONFIG = Path("/etc/voicelive-speaker/config.yaml")
OWN_CONFIG = Path("/home/lisa/config.yaml")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (errors.ConfigError(["x"]), "check-config --config /etc/voicelive-speaker/config.yaml"),
        (errors.SessionRejected("x"), "sudo nano /etc/voicelive-speaker/config.yaml"),
        (errors.ClockNotSet("x"), "timedatectl set-ntp true"),
        (errors.ServiceBusy("x"), "sleep 60"),
        (errors.ConnectionLost("x"), "ping"),
        (errors.DeviceBusy("x", "d"), "fuser -v /dev/snd/"),
        (errors.DeviceGone("x", "d"), "journalctl -k"),
        (errors.SpeakerError("x"), "journalctl -u voicelive-speaker"),
    ],
)
def test_an_error_has_the_remedy_of_its_most_special_class(error: errors.SpeakerError, line: str) -> None:
    assert line in remedy_for(error, CONFIG)


def test_the_owners_own_config_is_edited_without_sudo() -> None:
    assert remedy_for(errors.SessionRejected("x"), OWN_CONFIG).startswith(f"nano {OWN_CONFIG}")


def test_the_key_is_set_by_the_command_that_came_with_the_package_or_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert remedy_for(errors.KeyMissing("x"), CONFIG) == "sudo voicelive-speaker-set-key"
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert "AZURE_VOICELIVE_API_KEY" in remedy_for(errors.AuthRefused("x"), CONFIG)


def test_a_device_is_plugged_in_allowed_or_named_whichever_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, pin = errors.DeviceUnknown("x", "d"), errors.PinUnusable("x", "p")
    assert "plug a sound card in" in remedy_for(card, CONFIG, tmp_path)
    assert "GPIOZERO_PIN_FACTORY=mock" in remedy_for(pin, CONFIG, tmp_path)
    (tmp_path / "snd").mkdir()
    (tmp_path / "snd" / "controlC0").touch()
    (tmp_path / "gpiochip0").touch()
    assert remedy_for(card, CONFIG, tmp_path).startswith("voicelive-speaker devices")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    assert remedy_for(pin, CONFIG, tmp_path).startswith("gpioinfo")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert remedy_for(pin, CONFIG, tmp_path) == "sudo apt install python3-lgpio"
    monkeypatch.setattr("os.access", lambda *_: False)
    assert remedy_for(card, CONFIG, tmp_path).startswith("sudo usermod -aG audio")
    assert remedy_for(pin, CONFIG, tmp_path).startswith("sudo usermod -aG gpio")
