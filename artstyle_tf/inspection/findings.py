"""Findings of an inspection: a code for programs, sentences for users."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SEVERITIES = ("error", "warning", "note")
"""An error invalidates a training or its scores, a warning weakens them, a note is informative."""

_CODES = {
    "error": (
        *("cannot_be_split", "cannot_be_trained", "one_style", "unreadable", "truncated"),
        *("exact_duplicates_across_styles", "near_duplicates_across_styles"),
        "duplicates_across_splits",
    ),
    "warning": (
        *("mirrored_across_splits", "near_equal_styles", "empty_style", "images_not_read"),
        *("styles_named_like_splits", "imbalance", "small_style", "misnamed", "tiny", "huge"),
        *("animated", "nearly_uniform", "exact_duplicates", "near_duplicates", "dominant_group"),
        *("groups_in_names", "group_across_splits", "file_shortcut", "mostly_augmented_style"),
    ),
    "note": (
        *("border", "frame", "color_profile", "decoder_warnings", "gray_images"),
        *("ignored_files", "groups", "styles_differ", "split_by_folders"),
    ),
}
SEVERITY_OF = {code: severity for severity, codes in _CODES.items() for code in codes}
"""Every code that a finding can have -> its severity."""

_MAX_EXAMPLES = 10


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes:
        code: a key of `SEVERITY_OF`.
        count: number of images, sets, styles or groups.
        text: whole sentences.
        examples: names of images, styles or groups, of which ten are reported.
    """

    code: str
    count: int
    text: str
    examples: tuple[str, ...] = ()

    @property
    def severity(self) -> str:
        """Return one of `SEVERITIES`."""
        return SEVERITY_OF[self.code]

    def as_json(self) -> dict[str, object]:
        """Return code, severity, count, text and examples."""
        return {
            "code": self.code,
            "severity": self.severity,
            "count": self.count,
            "text": _on_one_line(self.text),
            "examples": list(self.examples[:_MAX_EXAMPLES]),
        }


def _on_one_line(text: str) -> str:
    """Remove characters that a file name may contain to corrupt a terminal."""
    words = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in words)


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Sort errors first, then warnings, then notes; each in their order."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def those_to_fail_on(findings: Iterable[Finding], fail_on: Sequence[str]) -> list[str]:
    """Return the codes found that `fail_on` names, by code or by severity.

    A severity includes the higher ones.
    """
    lowest = max((SEVERITIES.index(word) for word in fail_on if word in SEVERITIES), default=-1)
    selected = {*fail_on, *SEVERITIES[: lowest + 1]}
    found = (finding.code for finding in findings if {finding.code, finding.severity} & selected)
    return list(dict.fromkeys(found))
