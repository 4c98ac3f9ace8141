"""What an inspection has to say: a code for machines, plain words for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SEVERITIES = ("error", "warning", "note")
"""An error spoils a training or its scores, a warning weakens them, a note is good to know."""

SEVERITY_OF = {
    "cannot_be_split": "error",
    "cannot_be_trained": "error",
    "one_style": "error",
    "unreadable": "error",
    "truncated": "error",
    "exact_duplicates_across_styles": "error",
    "near_duplicates_across_styles": "error",
    "duplicates_across_splits": "error",
    "mirrored_across_splits": "warning",
    "near_equal_styles": "warning",
    "empty_style": "warning",
    "images_not_read": "warning",
    "styles_called_like_splits": "warning",
    "imbalance": "warning",
    "small_style": "warning",
    "misnamed": "warning",
    "tiny": "warning",
    "huge": "warning",
    "animated": "warning",
    "nearly_uniform": "warning",
    "exact_duplicates": "warning",
    "near_duplicates": "warning",
    "dominant_group": "warning",
    "groups_in_names": "warning",
    "group_across_splits": "warning",
    "file_shortcut": "warning",
    "made_up_style": "warning",
    "border": "note",
    "frame": "note",
    "color_profile": "note",
    "decoder_warnings": "note",
    "gray_images": "note",
    "ignored_files": "note",
    "groups": "note",
    "styles_differ": "note",
    "split_by_folders": "note",
}
"""Every code that a finding can have."""

_MOST_EXAMPLES = 10


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        code: a key of `SEVERITY_OF`.
        count: how many images, sets, styles or groups it is about.
        text: whole sentences, for a person.
        examples: names of images, styles or groups, ten at most.
    """

    code: str
    count: int
    text: str
    examples: tuple[str, ...] = ()

    @property
    def severity(self) -> str:
        """One of `SEVERITIES`."""
        return SEVERITY_OF[self.code]

    def as_json(self) -> dict[str, object]:
        """Code, severity, count, text and examples."""
        return {
            "code": self.code,
            "severity": self.severity,
            "count": self.count,
            "text": _on_one_line(self.text),
            "examples": list(self.examples[:_MOST_EXAMPLES]),
        }


def _on_one_line(text: str) -> str:
    """Without what a file name may hold to spoil a terminal."""
    words = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in words)


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first, then warnings, then notes; each in the order in which they came."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def those_to_fail_on(findings: Iterable[Finding], fail_on: Sequence[str]) -> list[str]:
    """Codes that were found and are among those asked for, by themselves or by their severity.

    Args:
        findings: what was found.
        fail_on: codes and severities; a severity stands for the graver ones, too.
    """
    gravest = [SEVERITIES.index(word) for word in fail_on if word in SEVERITIES]
    asked = {*fail_on, *SEVERITIES[: max(gravest, default=-1) + 1]}
    return list(
        dict.fromkeys(
            finding.code for finding in findings if {finding.code, finding.severity} & asked
        )
    )
