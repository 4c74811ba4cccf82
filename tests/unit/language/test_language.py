"""What the device says by itself, in every language it knows."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from typing import Final, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.language import locales, sentences
from device_daemon.language.language import Language, language_for
from device_daemon.language.locales import LOCALES, Tag

TAGS: Final[tuple[Tag, ...]] = get_args(Tag)
EVERY = pytest.mark.parametrize("tag", TAGS)
ENGLISH = language_for()
NOW = datetime(2026, 3, 1, 14, 5, tzinfo=timezone(timedelta(hours=1)))
UNTRANSLATED: Final[dict[str, set[str]]] = {}
"""Sentences that are said in English, by language, until somebody translates them: add a new sentence here, or translate it."""


def language_files() -> dict[str, sentences.Sentences]:
    return {tag: sentences.of(tag) for tag in sentences.files()}


# Sentences


def test_every_sentence_is_translated_or_known_not_to_be() -> None:
    wanted = set(ENGLISH.notices)
    missing = {
        tag: wanted - set(file.notices)
        for tag, file in language_files().items()
        if "-" not in tag and wanted - set(file.notices)
    }
    assert missing == UNTRANSLATED


def test_no_file_has_a_sentence_that_nobody_says() -> None:
    assert {tag: set(file.notices) - set(ENGLISH.notices) for tag, file in language_files().items()} == {
        tag: set() for tag in language_files()
    }


def test_a_file_is_of_a_language_and_a_regional_one_of_a_region_that_is_known() -> None:
    languages = {tag.partition("-")[0] for tag in TAGS}
    assert {tag for tag in sentences.files() if "-" not in tag} == languages
    assert {tag for tag in sentences.files() if "-" in tag} <= set(LOCALES)


def test_a_regional_file_says_only_what_differs() -> None:
    for tag, file in language_files().items():
        if "-" in tag:
            common = sentences.of(tag.partition("-")[0]).notices
            assert [name for name, text in file.notices.items() if common.get(name) == text] == [], tag


@EVERY
def test_every_notice_is_short_and_ends_as_a_sentence_does(tag: Tag) -> None:
    for name, notice in language_for(tag).notices.items():
        assert len(notice.text) <= 100, name
        assert notice.text[-1] in ".!?。", name
        assert "  " not in notice.text, name
        assert not re.search(r"[{}<>\n]", notice.text), name


@pytest.mark.parametrize("name", ENGLISH.notices)
def test_a_notice_says_what_is_so_and_what_to_do(name: str) -> None:
    assert ENGLISH.notices[name].text.count(". ") == 1
    assert ". Please " in ENGLISH.notices[name].text


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_espeak_has_every_voice() -> None:
    listed = subprocess.run(["espeak-ng", "--voices"], capture_output=True, text=True, check=True).stdout
    known = {line.split()[1] for line in listed.splitlines()[1:]} | {"en"}
    assert {locale.espeak_voice for locale in LOCALES.values()} <= known


def test_what_is_missing_is_said_in_english_by_an_english_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = sentences.of
    half = sentences.Sentences(welcome="Hallo!", notices={"moment": "Einen Moment."})
    monkeypatch.setattr(sentences, "of", lambda tag: half if tag == "de" else whole(tag))
    language = language_for.__wrapped__("de-DE")
    assert (language.notices["moment"].text, language.notices["moment"].voice) == ("Einen Moment.", "de")
    assert language.notices["offline"] == ENGLISH.notices["offline"]
    assert language.welcome == "Hallo!"
    assert language.salutations == ENGLISH.salutations


def test_a_region_differs_where_its_file_says_so() -> None:
    portugal, brazil = language_for("pt-PT"), language_for("pt-BR")
    assert "definições" in portugal.notices["settings"].text
    assert "configurações" in brazil.notices["settings"].text
    assert portugal.notices["busy"].text == brazil.notices["busy"].text
    assert brazil.notices["busy"].voice == "pt-br"


# Placeholders


@pytest.mark.parametrize(
    ("tag", "weekday", "date", "time", "since"),
    [
        ("de-DE", "Sonntag", "1. März", "14:05", "3 Stunden"),
        ("en-US", "Sunday", "March 1", "2:05 PM", "3 hours"),
        ("en-GB", "Sunday", "1 March", "14:05", "3 hours"),
        ("es-ES", "domingo", "1 de marzo", "14:05", "3 horas"),
        ("fr-FR", "dimanche", "1 mars", "14:05", "3 heures"),
        ("it-IT", "domenica", "1 marzo", "14:05", "3 ore"),
        ("ja-JP", "日曜日", "3月1日", "14:05", "3 時間"),
        ("nl-NL", "zondag", "1 maart", "14:05", "3 uur"),
        ("pl-PL", "niedziela", "1 marca", "14:05", "3 godziny"),
        ("pt-BR", "domingo", "1 de março", "14:05", "3 horas"),
    ],
)
def test_the_moment_is_said_as_people_say_it(tag: Tag, weekday: str, date: str, time: str, since: str) -> None:
    language = language_for(tag)
    said = language.placeholders(NOW)
    assert (said["weekday"], said["date"], said["time"], language.span(3 * 3_600)) == (weekday, date, time, since)


@pytest.mark.parametrize(
    ("tag", "hour", "salutation"),
    [
        ("de-DE", 9, "Guten Morgen"),
        ("de-DE", 13, "Guten Tag"),
        ("de-DE", 3, "Guten Abend"),
        ("es-ES", 12, "Buenos días"),
        ("es-MX", 12, "Buenas tardes"),
        ("fr-FR", 17, "Bonjour"),
        ("ja-JP", 20, "こんばんは"),
    ],
)
def test_people_are_greeted_as_at_that_hour(tag: Tag, hour: int, salutation: str) -> None:
    assert language_for(tag).placeholders(NOW.replace(hour=hour))["salutation"] == salutation


@EVERY
def test_every_placeholder_has_a_value_at_every_hour_and_the_varying_ones_are_listed(tag: Tag) -> None:
    language = language_for(tag)
    listed = language.varying()
    for hour in range(24 * 7):
        said = language.placeholders(NOW + timedelta(hours=hour))
        assert all(said.values())
        assert all(said[name] in listed[name] for name in listed)
        assert not set("".join(said.values())) & set("\u00a0\u202f{}")


def test_a_daypart_and_a_salutation_begin_at_the_same_hours_in_english_as_before() -> None:
    said = [ENGLISH.placeholders(NOW.replace(hour=hour)) for hour in range(24)]
    parts = ["evening"] * 5 + ["morning"] * 7 + ["afternoon"] * 6 + ["evening"] * 6
    assert [each["daypart"] for each in said] == parts
    assert [each["salutation"] for each in said] == [f"Good {part}" for part in parts]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "a while"),
        (-5, "a while"),
        (0, "a moment"),
        (119, "a moment"),
        (120, "2 minutes"),
        (3_599, "59 minutes"),
        (3_600, "an hour"),
        (7_200, "2 hours"),
        (86_399, "23 hours"),
        (86_400, "a day"),
        (10 * 86_400, "10 days"),
    ],
)
def test_a_span_is_said_as_people_say_it(seconds: float | None, words: str) -> None:
    assert ENGLISH.span(seconds) == words


@given(st.one_of(st.none(), st.floats(-1e10, 1e10)), st.sampled_from(TAGS))
def test_every_span_has_words(seconds: float | None, tag: Tag) -> None:
    assert language_for(tag).span(seconds)


@given(st.floats(0, 1e10))
def test_in_english_no_span_is_one_of_many_or_none(seconds: float) -> None:
    assert not ENGLISH.span(seconds).startswith(("1 ", "0 "))


# Tags


@EVERY
def test_every_tag_has_a_voice_of_its_language(tag: Tag) -> None:
    assert locales.speech_locale(tag).voice.startswith(locales.with_region(tag))
    assert locales.with_region(tag).startswith(tag)


def test_every_locale_has_a_tag() -> None:
    assert {locales.with_region(tag) for tag in TAGS} == set(LOCALES)


def test_a_speaker_without_a_language_speaks_english_and_does_not_load_babel() -> None:
    program = "import sys; from device_daemon.language.language import language_for; language_for(); print('babel' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
    assert isinstance(ENGLISH, Language)
