"""A page as one file: template, style and script in, HTML out; nothing is loaded from elsewhere."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup, escape

from artstyle_tf.report.shelf import ImageShelf
from artstyle_tf.system.progress import format_seconds
from artstyle_tf.system.visible_text import shown, shown_lines, shown_values


def render_page(template: str, shelf: ImageShelf, context: Mapping[str, Any]) -> str:
    """Renders a template of this package.

    All text is escaped by the template engine, and the browser is told to run and load nothing but
    what is in the page: even a name that got through could do no harm.

    Args:
        template: name of the file in `templates`.
        shelf: images of the page.
        context: what the template needs.

    Returns:
        The page.
    """
    environment = _environment()
    style, script = _asset("report.css"), _asset("report.js")
    policy = "; ".join(
        [
            "default-src 'none'",
            "img-src data:",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    assets = {"style": Markup(style), "script": Markup(script), "policy": policy}
    return environment.get_template(template).render(**context, **assets, shelf=shelf)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("artstyle_tf.report"),
        autoescape=True,
        finalize=_visible,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    environment.filters |= {
        "score": lambda value: f"{value:.3f}",
        "percent": lambda share: f"{100 * share:.0f} %",
        "span": span,
        "duration": format_seconds,
        "data": _json_for_html,
        "lines": _lines,
    }
    return environment


def span(interval: Sequence[float] | None, digits: int = 3) -> str:
    """An interval for people: "0.881 to 0.984"; nothing if there is none."""
    return "" if interval is None else f"{interval[0]:.{digits}f} to {interval[1]:.{digits}f}"


@functools.cache
def _asset(name: str) -> str:
    """A file that goes into the page as it is: its digest is in the policy of the page."""
    text = (resources.files("artstyle_tf.report") / "templates" / name).read_text(encoding="utf-8")
    return "\n" + text.strip() + "\n"


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _visible(value: Any) -> Any:
    """What a template inserts: a name may hold what turns the direction of the text around it."""
    is_data = isinstance(value, str) and not isinstance(value, Markup)
    return shown(value) if is_data else value


def _lines(text: str) -> Markup:
    """Text of several lines, for a `pre` element."""
    return escape(shown_lines(text))


def _json_for_html(value: Any) -> Markup:
    """JSON for a script element: no text in it can end the element or begin a comment."""
    text = json.dumps(
        shown_values(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)
