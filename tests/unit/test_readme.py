"""The README says what the code says."""

import re

from device_daemon.config.reader import read
from device_daemon.device import request_policy
from device_daemon.leds import patterns
from scripts import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_the_table_of_lights_is_the_table_that_is_shown() -> None:
    between = README.split("patterns.as_markdown -->")[1].split("<!-- /lights -->")[0]
    assert between.strip() == patterns.as_markdown().strip()


def test_the_table_of_triggers_is_the_table_that_decides() -> None:
    between = README.split("admission.as_markdown -->")[1].split("<!-- /triggers -->")[0]
    assert between.strip() == request_policy.as_markdown().strip()


def test_the_short_config_in_the_readme_is_a_right_one() -> None:
    block = re.search(r"This much is a whole one:\n\n((?:    .*\n|\n)+)", README)
    assert block
    config = read("\n".join(line[4:] for line in block[1].splitlines()), "README.md")
    assert config.greetings["welcome"].say == "Good {daypart}, Lisa! How can I help?"


def test_every_script_the_readme_names_is_there() -> None:
    named = set(re.findall(r"scripts/[\w-]+", README))
    assert named
    assert all((REPOSITORY / name).exists() for name in named), named
