"""The offline audit finds all vulnerabilities in a file of records, and reports invalid input."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from patience import HUNG_SECONDS

ROOT = Path(__file__).parents[2]
PINS = "pillow==13.0.0\nai-edge-litert==2.3.0 ; sys_platform != 'win32'\npsycopg[binary]==3.3.9\n"


def record(name="Pillow", ecosystem="PyPI", **changes):
    events = [{"introduced": "12.0"}, {"fixed": "13.0.1"}]
    return {
        "id": "GHSA-1",
        "aliases": ["CVE-1"],
        "summary": "A hole",
        "modified": "2026-05-04T03:02:01Z",
        "affected": [
            {
                "package": {"name": name, "ecosystem": ecosystem},
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
                "versions": ["12.9", "not a version"],
            }
        ],
        **changes,
    }


def with_events(*events, versions=()):
    affected = record()["affected"][0]
    affected["ranges"][0]["events"] = list(events)
    return record(affected=[{**affected, "versions": list(versions)}])


@pytest.fixture
def audit(tmp_path):
    """Function (records, or the content of the database; pins) -> exit code, stdout, stderr."""

    def ask(content, pins=PINS):
        database = tmp_path / "database.json"
        if isinstance(content, str):
            database.write_text(content)
        elif content is not None:
            database.write_text(json.dumps(content))
        return run(database, pins)

    def run(database, pins=PINS):
        (tmp_path / "pins.txt").write_text(pins)
        script = ROOT / "dependencies/offline_audit.py"
        command = [sys.executable, str(script), str(database), str(tmp_path / "pins.txt")]
        told = subprocess.run(command, capture_output=True, text=True, timeout=HUNG_SECONDS)
        assert "Traceback" not in told.stderr
        return told.returncode, told.stdout, told.stderr

    ask.run = run
    return ask


def test_a_known_vulnerability_is_printed_with_its_fix(audit):
    code, said, _ = audit([record()])
    assert code == 1
    assert "pillow 13.0.0: GHSA-1, CVE-1: A hole; fixed in 13.0.1" in said
    assert "3 pinned versions, 1 known vulnerabilities" in said
    assert "newest record is of 2026-05-04" in said


def test_without_findings_the_size_of_the_database_is_printed(audit):
    code, said, _ = audit([record("something-else")])
    assert code == 0
    assert "about 1 packages, 0 of them pinned here" in said


def test_the_zip_of_all_records_is_read(audit, tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("GHSA-1.json", json.dumps(record()))
        archive.writestr("GHSA-2.json", json.dumps(record("ai_edge.LiteRT", id="GHSA-2")))
        archive.writestr("GHSA-3.json", json.dumps({**record(), "withdrawn": "2026-01-01"}))
    code, said, _ = audit.run(tmp_path / "all.zip")
    assert code == 1
    assert said.count("13.0.0") == 1
    assert "3 pinned versions, 1 known" in said  # litert 2.3 lies below that range


@pytest.mark.parametrize(
    ("found", "is_affected"),
    [
        (with_events({"introduced": "0"}), True),
        (with_events({"introduced": "0"}, {"fixed": "13"}), False),
        (with_events({"introduced": "0"}, {"last_affected": "13.0"}), True),
        (with_events({"introduced": "0"}, {"last_affected": "12.9"}), False),
        (with_events({"introduced": "13.0.1"}), False),
        (with_events({"fixed": "14"}, {"introduced": "13"}), True),
        (with_events({"introduced": "1"}, {"fixed": "2"}, {"introduced": "13.0.0"}), True),
        (with_events(versions=["13.0"]), True),
        (record(ecosystem="npm", name="pillow"), False),
    ],
)
def test_ranges_and_lists_follow_the_osv_schema(audit, found, is_affected):
    code, _, _ = audit([found, record("other")])
    assert code == int(is_affected)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "There is no database"),
        ("{", "cannot be read"),
        ("[]", "has no record about a package of PyPI"),
        ("[7]", "no record of OSV: 7"),
        ([record(ecosystem="npm")], "has no record about a package of PyPI"),
        ([{"id": "x", "affected": [7]}], "is damaged"),
    ],
)
def test_without_a_database_the_audit_fails(audit, content, message):
    code, said, told = audit(content)
    assert code == 2
    assert said == ""
    assert told.startswith("No audit: ")
    assert message in told


@pytest.mark.parametrize(
    ("pins", "message"), [("", "pins nothing"), ("pillow>=12\n", "'pillow>=12'")]
)
def test_without_pins_the_audit_fails(audit, pins, message):
    code, _, told = audit([record()], pins)
    assert code == 2
    assert message in told
