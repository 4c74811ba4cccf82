"""Each failure this program knows has a line that mends it."""

from pathlib import Path

import pytest

from device_daemon import errors
from device_daemon.doctor import remedies
from device_daemon.doctor.remedies import mend_for

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
def test_an_error_is_mended_by_what_is_special_about_it(error: errors.SpeakerError, line: str) -> None:
    assert line in mend_for(error, CONFIG)


def test_the_owners_own_config_is_edited_without_sudo() -> None:
    assert mend_for(errors.SessionRejected("x"), OWN_CONFIG).startswith(f"nano {OWN_CONFIG}")


def test_the_key_is_set_by_the_command_that_came_with_the_package_or_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert mend_for(errors.KeyMissing("x"), CONFIG) == "sudo voicelive-speaker-set-key"
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert "AZURE_VOICELIVE_API_KEY" in mend_for(errors.AuthRefused("x"), CONFIG)


def test_a_device_is_plugged_in_allowed_or_named_whichever_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, pin = errors.DeviceUnknown("x", "d"), errors.PinUnusable("x", "p")
    monkeypatch.setattr(remedies, "_DEV", tmp_path)
    assert "plug a sound card in" in mend_for(card, CONFIG)
    assert "GPIOZERO_PIN_FACTORY=mock" in mend_for(pin, CONFIG)
    (tmp_path / "snd").mkdir()
    (tmp_path / "snd" / "controlC0").touch()
    (tmp_path / "gpiochip0").touch()
    assert mend_for(card, CONFIG).startswith("voicelive-speaker devices")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    assert mend_for(pin, CONFIG).startswith("gpioinfo")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert mend_for(pin, CONFIG) == "sudo apt install python3-lgpio"
    monkeypatch.setattr("os.access", lambda *_: False)
    assert mend_for(card, CONFIG).startswith("sudo usermod -aG audio")
    assert mend_for(pin, CONFIG).startswith("sudo usermod -aG gpio")
