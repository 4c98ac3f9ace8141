"""A page on which pictures are points: pointing at one shows it. One file, no network needed."""

from __future__ import annotations

import html
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.system.files import write_text
from artstyle_tf.system.visible_text import shown, shown_values

# Bokeh's names of the shapes that matplotlib calls so, with a letter that looks like them.
_MARKERS = {
    "o": ("circle", "●"),
    "^": ("triangle", "▲"),
    "s": ("square", "■"),
    "D": ("diamond", "◆"),
    "v": ("inverted_triangle", "▼"),
    "P": ("plus", "✚"),
}
_PLOT_PX = 760
_LEGEND_PX = 300

_TOOLTIP = """
<div style="width: 190px; font: 12px sans-serif">
  <img src="@thumbnail" style="max-width: 144px; max-height: 144px; display: block">
  <b>@label</b>, @split<br>
  says @prediction (@confidence{0.00})<br>
  cluster @cluster<br>
  <span style="color: #6B7280; overflow-wrap: anywhere">@path</span>
</div>
"""

# Which columns a choice stands for is in the object that Bokeh hands over as `args`.
_CHANGE_COLOURS = """
const glyph = renderer.glyph;
glyph.fill_color = {field: `colour_of_${cb_obj.value}`};
glyph.marker = {field: `marker_of_${cb_obj.value}`};
legend.text = legends[cb_obj.value];
"""
_CHANGE_PLACES = """
source.data.x = source.data[`${cb_obj.value}_x`];
source.data.y = source.data[`${cb_obj.value}_y`];
source.change.emit();
plot.reset.emit();
"""


@dataclass(frozen=True)
class Colouring:
    """One way of colouring the pictures.

    Attributes:
        categories: int [N], positions in `names`.
        names: of the categories.
        looks: colour and marker (as matplotlib calls it) of each category.
    """

    categories: np.ndarray
    names: Sequence[str]
    looks: Sequence[tuple[str, str]]


def can_draw_atlas() -> bool:
    """Whether Bokeh is installed."""
    return importlib.util.find_spec("bokeh") is not None


def write_atlas_page(
    path: Path,
    table: pd.DataFrame,
    thumbnails: Sequence[str],
    colourings: Mapping[str, Colouring],
    projections: Mapping[str, str],
    *,
    title: str,
    note: str,
) -> None:
    """Writes the page.

    Args:
        path: of the .html file.
        table: N rows with the columns path, label, split, cluster, prediction, confidence and, for
            each projection, `<name>_x` and `<name>_y`.
        thumbnails: of N pictures, as data URIs.
        colourings: names of one word -> how to colour; the first is shown first.
        projections: names in the table -> names for people; the first is shown first.
        title: of the page.
        note: what a reader should know, as text.
    """
    from bokeh.embed import file_html
    from bokeh.layouts import column, row
    from bokeh.models import ColumnDataSource, CustomJS, Div, HoverTool, Select
    from bokeh.plotting import figure
    from bokeh.resources import INLINE

    first_place, first_colour = next(iter(projections)), next(iter(colourings))
    columns = ["path", "label", "split", "cluster", "prediction", "confidence"]
    columns += [f"{name}_{axis}" for name in projections for axis in "xy"]
    data: dict[str, Any] = {name: _visible(table[name]) for name in columns}
    data |= {"x": data[f"{first_place}_x"], "y": data[f"{first_place}_y"]}
    data["thumbnail"] = list(thumbnails)
    for name, colouring in colourings.items():
        looks = [colouring.looks[number] for number in colouring.categories]
        data[f"colour_of_{name}"] = [colour for colour, _ in looks]
        data[f"marker_of_{name}"] = [_MARKERS[marker][0] for _, marker in looks]
    source = ColumnDataSource(data)
    plot: Any = figure(
        width=_PLOT_PX,
        height=_PLOT_PX,
        title=title,
        tools="pan,wheel_zoom,box_zoom,reset,save",
        active_scroll="wheel_zoom",
        output_backend="webgl",
    )
    renderer = plot.scatter(
        "x",
        "y",
        source=source,
        size=9 if len(table) <= 3000 else 5,
        marker={"field": f"marker_of_{first_colour}"},
        fill_color={"field": f"colour_of_{first_colour}"},
        line_color=None,
        fill_alpha=0.8,
    )
    plot.add_tools(HoverTool(renderers=[renderer], tooltips=_TOOLTIP))
    plot.axis.visible = False
    plot.grid.visible = False
    legends = {name: _legend(colouring) for name, colouring in colourings.items()}
    legend = Div(text=legends[first_colour], width=_LEGEND_PX, disable_math=True)
    colours = Select(title="Colour", value=first_colour, options=list(colourings))
    places = Select(title="Projection", value=first_place, options=list(projections.items()))
    changed = {"renderer": renderer, "legend": legend, "legends": legends}
    colours.js_on_change("value", CustomJS(args=changed, code=_CHANGE_COLOURS))
    moved = CustomJS(args={"source": source, "plot": plot}, code=_CHANGE_PLACES)
    places.js_on_change("value", moved)
    explained = Div(text=f"<p>{html.escape(note)}</p>", width=_LEGEND_PX, disable_math=True)
    page = row(plot, column(colours, places, legend, explained))
    write_text(path, file_html(page, resources=INLINE, title=title))


def _visible(values: pd.Series) -> np.ndarray:
    """A column of the table; in texts control characters are made visible. Bokeh escapes HTML."""
    return np.array(shown_values(values.tolist()), dtype=values.to_numpy().dtype)


def _legend(colouring: Colouring) -> str:
    """Shape, colour, name and number of each category, as HTML."""
    counts = np.bincount(colouring.categories, minlength=len(colouring.names))
    lines = [
        f'<span style="color: {colour}; font-size: 140%">{_MARKERS[marker][1]}</span> '
        f"{html.escape(shown(name))} ({count})"
        for name, (colour, marker), count in zip(
            colouring.names, colouring.looks, counts, strict=True
        )
    ]
    return f'<div style="font: 13px sans-serif">{"<br>".join(lines)}</div>'
