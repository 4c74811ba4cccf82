"""docs/metrics.md, the dashboard and the alert rules name the metrics that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from device_daemon.conversation.metrics import Metrics
from device_daemon.integrations.metrics_text import PREFIX, Snapshot, Totals, as_text
from scripts import REPOSITORY
from tests.unit.integrations.test_metrics_text import STATUS

DOCS = REPOSITORY / "docs"
TEXT = as_text(Snapshot(Totals(), Metrics(), STATUS)).decode()
NAMES = set(re.findall(r"^# TYPE (\S+)", TEXT, re.MULTILINE))


def test_the_page_lists_every_metric() -> None:
    page = (DOCS / "metrics.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`((?!node_)[a-z_]+(?:_total|_seconds|_info|_ratio)|state|healthy|muted)`", page))
    assert {f"{PREFIX}{name}" for name in listed} == NAMES


@pytest.mark.parametrize("file", ["grafana.json", "alerts.yaml"])
def test_what_is_asked_of_prometheus_exists(file: str) -> None:
    text = (DOCS / "fleet" / file).read_text(encoding="utf-8")
    asked = {re.sub(r"_bucket$", "", name) for name in re.findall(rf"{PREFIX}[a-z_]+", text)}
    assert asked
    assert asked <= NAMES


def test_the_dashboard_is_json_with_panels() -> None:
    assert json.loads((DOCS / "fleet" / "grafana.json").read_text(encoding="utf-8"))["panels"]


def test_a_family_has_its_help() -> None:
    assert all(family.documentation for family in text_string_to_metric_families(TEXT))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_the_alert_rules_fire_as_they_should() -> None:
    done = subprocess.run(
        ["promtool", "test", "rules", "alerts_test.yaml"],
        cwd=DOCS / "fleet",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
