"""Compare pinned versions with a file of known vulnerabilities, without a network.

    python dependencies/offline_audit.py DATABASE constraints.txt

DATABASE is an export of OSV (https://ossf.github.io/osv-schema): the zip of all PyPI records from
its site, or a JSON file with one record or a list of records. It is downloaded on a machine with a
network; the printed summary contains the date of its newest record. Exit code 0: no known
vulnerability; 1: at least one; 2: the audit failed.
"""

from __future__ import annotations

import json
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

_PIN = re.compile(r"([\w.-]+)(?:\[[^]]*])?==([^\s;\\]+)")


class AuditError(Exception):
    """The database or the pins cannot be read; the message says how to fix it."""


def main(arguments: Sequence[str]) -> int:
    """Print the known vulnerabilities of each pinned version.

    Args:
        arguments: path of the database, path of the pins.

    Returns:
        Exit code: 0, 1 or 2.
    """
    try:
        if len(arguments) != 2:
            raise AuditError("Two files are needed: DATABASE and constraints.txt.")
        database, pins_file = map(Path, arguments)
        pins = read_pins(pins_file)
        by_name: dict[str, list[dict[str, Any]]] = {}
        newest = ""
        for record in read_records(database):
            newest = max(newest, record.get("modified", ""))
            for name in {canonicalize_name(entry["package"]["name"]) for entry in _pypi(record)}:
                by_name.setdefault(name, []).append(record)
        if not by_name:
            raise AuditError(
                f"{database} has no record about a package of PyPI. Take OSV's export for PyPI."
            )
        num_found = 0
        for name, version in pins:
            for record in by_name.get(name, []):
                if is_affected(record, name, version):
                    num_found += 1
                    print(f"{name} {version}: {_describe(record, name)}")
    except AuditError as error:
        print(f"No audit: {error}", file=sys.stderr)
        return 2
    except (AttributeError, KeyError, TypeError) as error:
        print(f"No audit: a record of {arguments[0]} is damaged: {error!r}.", file=sys.stderr)
        return 2
    known = sum(name in by_name for name in {name for name, _ in pins})
    print(
        f"{len(pins)} pinned versions, {num_found} known vulnerabilities. The database is about "
        f"{len(by_name)} packages, {known} of them pinned here; its newest record is of "
        f"{newest[:10] or 'an unknown day'}. What was found later it cannot know."
    )
    return 1 if num_found else 0


def read_pins(path: Path) -> list[tuple[str, Version]]:
    """Return name and version of each line `name==version`.

    Raises:
        AuditError: if the file cannot be read, a line is not a pin, or there is no pin.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise AuditError(f"The pins {path} cannot be read: {error}.") from error
    pins = []
    for line in lines:
        if not line.strip() or line.lstrip().startswith(("#", "--hash=")):
            continue
        match = _PIN.match(line)
        if match is None:
            raise AuditError(f"{path} has a line that pins nothing: {line!r}.")
        pins.append((str(canonicalize_name(match[1])), Version(match[2])))
    if not pins:
        raise AuditError(f"{path} pins nothing.")
    return pins


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of an export that are not withdrawn.

    Raises:
        AuditError: if the file is missing or not an export.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                contents = [json.loads(archive.read(name)) for name in archive.namelist()]
        else:
            content = json.loads(path.read_text(encoding="utf-8"))
            contents = content if isinstance(content, list) else [content]
    except FileNotFoundError as error:
        raise AuditError(f"There is no database {path}. Fetch OSV's export for PyPI.") from error
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise AuditError(f"The database {path} cannot be read: {error}.") from error
    for record in contents:
        if not isinstance(record, dict) or "id" not in record:
            raise AuditError(
                f"{path} has something that is no record of OSV: {str(record)[:80]}. "
                "A record is a mapping with `id` and `affected`."
            )
        if not record.get("withdrawn") and record.get("affected"):
            yield record


def is_affected(record: dict[str, Any], name: str, version: Version) -> bool:
    """Return whether a version is listed or in a range, with the rules of the OSV schema."""
    for entry in _pypi(record):
        if canonicalize_name(entry["package"]["name"]) != name:
            continue
        if version in [_version(listed) for listed in entry.get("versions", [])]:
            return True
        ranges = [found for found in entry.get("ranges", []) if found["type"] == "ECOSYSTEM"]
        if any(_is_in_range(version, found["events"]) for found in ranges):
            return True
    return False


def _is_in_range(version: Version, events: Sequence[dict[str, str]]) -> bool:
    """Return whether a version is affected; the last applicable event by version decides."""
    steps = []
    for event in events:
        for kind, text in event.items():
            at = Version("0.dev0") if text == "0" else _version(text)
            if at is not None and kind in ("introduced", "fixed", "last_affected"):
                steps.append((at, kind))
    inside = False
    for at, kind in sorted(steps, key=lambda step: step[0]):
        if kind == "introduced" and version >= at:
            inside = True
        elif (kind == "fixed" and version >= at) or (kind == "last_affected" and version > at):
            inside = False
    return inside


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None  # an old version before PEP 440; no pinned version has such a form


def _pypi(record: dict[str, Any]) -> list[dict[str, Any]]:
    entries = [entry for entry in record["affected"] if "package" in entry]
    return [entry for entry in entries if entry["package"].get("ecosystem") == "PyPI"]


def _describe(record: dict[str, Any], name: str) -> str:
    fixed = {
        event["fixed"]
        for entry in _pypi(record)
        if canonicalize_name(entry["package"]["name"]) == name
        for found in entry.get("ranges", [])
        if found["type"] == "ECOSYSTEM"
        for event in found["events"]
        if "fixed" in event
    }
    names = ", ".join([record["id"], *record.get("aliases", [])])
    summary = record.get("summary", "").strip()
    fix = f"fixed in {', '.join(sorted(fixed))}" if fixed else "no fixed version is known"
    return f"{names}{': ' if summary else ''}{summary}; {fix}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
