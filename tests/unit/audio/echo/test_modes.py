from __future__ import annotations

import pytest

from device_daemon.audio.echo.modes import CARDS_THAT_CANCEL, REFUSALS_OF_CLIENT_REFERENCE, EchoLadder, EchoMode
from device_daemon.errors import EchoModeUnavailable

MISSING = "pywebrtc-audio is not installed."


def ladder(setting: str = "auto", card_name: str = "bcm2835 Headphones", local: str | None = None) -> EchoLadder:
    return EchoLadder(setting, card_name=card_name, local_unavailable=local)


@pytest.mark.parametrize("mode", EchoMode)
def test_what_the_owner_chose_is_in_force(mode: EchoMode) -> None:
    assert ladder(mode).choice().mode is mode


@pytest.mark.parametrize("name", CARDS_THAT_CANCEL)
def test_a_card_that_is_known_to_cancel_is_left_to_it(name: str) -> None:
    choice = ladder(card_name=f"{name} 510 USB at usb-0000:01:00.0-1.2, full speed").choice()
    assert choice.mode is EchoMode.HARDWARE
    assert name in choice.reason


def test_without_such_a_card_the_service_is_given_the_reference() -> None:
    assert ladder().choice().mode is EchoMode.CLIENT_REFERENCE


@pytest.mark.parametrize("code", sorted(REFUSALS_OF_CLIENT_REFERENCE))
def test_a_service_that_refuses_it_gets_the_next_step_and_the_reason_is_kept(code: str) -> None:
    chosen = ladder()
    assert chosen.refused(code, "No.")
    assert chosen.choice().mode is EchoMode.LOCAL
    assert code in chosen.choice().reason
    assert not chosen.refused(code, "No."), "it is asked once only"


def test_where_nothing_is_installed_the_last_step_is_the_service() -> None:
    chosen = ladder(local=MISSING)
    chosen.refused("invalid_ec_channels_format", "No.")
    assert chosen.choice().mode is EchoMode.SERVICE


def test_a_refusal_of_something_else_changes_nothing() -> None:
    chosen = ladder()
    assert not chosen.refused("invalid_voice_type", "No.")
    assert chosen.choice().mode is EchoMode.CLIENT_REFERENCE


def test_a_chosen_reference_that_is_refused_also_steps_down() -> None:
    chosen = ladder("client-reference", local=MISSING)
    assert chosen.refused("invalid_ec_reference_channels", "No.")
    assert chosen.choice().mode is EchoMode.SERVICE


def test_local_without_a_canceller_names_what_is_missing() -> None:
    with pytest.raises(EchoModeUnavailable, match="pywebrtc-audio"):
        ladder("local", local=MISSING)


def test_auto_never_fails() -> None:
    assert ladder("auto", card_name="", local=MISSING).choice().reason


@pytest.mark.parametrize("mode", EchoMode)
def test_only_modes_that_know_all_that_sounds_hear_people_over_it(mode: EchoMode) -> None:
    assert mode.hears_over_own_sounds == (mode not in {EchoMode.SERVICE, EchoMode.HALF_DUPLEX})
