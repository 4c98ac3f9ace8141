"""Tables of a comparison: for reading, for spreadsheets and for papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from artstyle_tf.system.visible_text import shown

SCORES = {
    "macro_f1": "macro-F1",
    "accuracy": "accuracy",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
}
_LATEX_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def comparison_csv(models: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row per model and data set, with one column per number.

    Args:
        models: each with name, validation, test (as far as evaluated), intervals,
            training_seconds, milliseconds_per_image, size_bytes.
    """
    rows = []
    for model in models:
        for part in model["intervals"]:
            row: dict[str, Any] = {"model": model["name"], "images": part}
            for score in SCORES:
                row[score] = model[part][score]
                row[f"{score}_low"], row[f"{score}_high"] = model["intervals"][part][score]
            costs = ("training_seconds", "milliseconds_per_image", "size_bytes")
            rows.append({**row, **{cost: model[cost] for cost in costs}})
    return pd.DataFrame(rows)


def comparison_rows(
    models: Sequence[Mapping[str, Any]], part: str
) -> tuple[list[str], list[list[str]]]:
    """Return heading and cells of the table for one data set, as text."""
    heading = ["model", *SCORES.values(), "training time", "time per image", "size"]
    rows = []
    for model in models:
        cells = [model["name"]]
        for score in SCORES:
            low, high = model["intervals"][part][score]
            cells.append(f"{model[part][score]:.3f} ({low:.3f}-{high:.3f})")
        seconds = model["training_seconds"]
        cells.append("-" if seconds is None else f"{seconds:.0f} s")
        cells.append(f"{model['milliseconds_per_image']:.1f} ms")
        cells.append(f"{model['size_bytes'] / 1e6:.1f} MB")
        rows.append(cells)
    return heading, rows


def latex_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a LaTeX tabular that needs no packages."""
    columns = "l" + "r" * (len(heading) - 1)
    body = [" & ".join(_latex(cell) for cell in row) + r" \\" for row in (heading, *rows)]
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\hline", body[0], r"\hline", *body[1:]]
    return "\n".join([*lines, r"\hline", r"\end{tabular}", ""])


def _latex(text: str) -> str:
    return "".join(_LATEX_SPECIAL.get(letter, letter) for letter in shown(" ".join(text.split())))
