"""Render a page as one self-contained HTML file from templates, style and script."""

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

from artstyle_tf.system.progress import format_seconds
from artstyle_tf.system.visible_text import shown, shown_lines, shown_values


class PageImages:
    """The images of a page; each is embedded once, however often it is shown.

    The first use of an image embeds its bytes, so that it is visible without scripts; later uses
    refer to its number, and the script of the page copies it. Images that only a click shows are
    returned by `not_embedded`.

    Args:
        uris: key of an image -> data URI.
    """

    def __init__(self, uris: Mapping[str, str]) -> None:
        self._uris = dict(uris)
        self._numbers = {key: number for number, key in enumerate(self._uris)}
        self._embedded: set[str] = set()

    def __contains__(self, key: object) -> bool:
        return key in self._uris

    def number(self, key: str) -> int | None:
        """Return the number of an image on the page; None if there is no such image."""
        return self._numbers.get(key)

    def embed(self, key: str) -> str | None:
        """Return the data URI at the first call, None later."""
        if key in self._embedded:
            return None
        self._embedded.add(key)
        return self._uris[key]

    def not_embedded(self) -> dict[int, str]:
        """Return number -> data URI of all images that have not been embedded."""
        return {
            self._numbers[key]: uri for key, uri in self._uris.items() if key not in self._embedded
        }


def render_page(template: str, images: PageImages, context: Mapping[str, Any]) -> str:
    """Render a template of this package to HTML.

    The template engine escapes all text, and a content security policy forbids the browser to run
    or load anything that is not part of the page: a name that was not escaped could do no harm.

    Args:
        template: name of the file in `templates`.
        images: images that the template may embed.
        context: variables of the template.
    """
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
    return _environment().get_template(template).render(**context, **assets, images=images)


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
        "percent": lambda share: f"{100 * share:.0f}%",
        "span": _span,
        "duration": format_seconds,
        "data": _json_for_html,
        "lines": lambda text: escape(shown_lines(text)),  # of several lines, for `pre`
    }
    return environment


def _span(interval: Sequence[float] | None) -> str:
    """Format an interval as "0.881–0.984"; "" if there is none."""
    return "" if interval is None else f"{interval[0]:.3f}–{interval[1]:.3f}"


def sentence(text: str) -> str:
    """Return the text with a capital letter and a period."""
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


@functools.cache
def _asset(name: str) -> str:
    """Return a file that is inserted unchanged; its digest is part of the page's policy."""
    text = (resources.files("artstyle_tf.report") / "templates" / name).read_text(encoding="utf-8")
    return "\n" + text.strip() + "\n"


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _visible(value: Any) -> Any:
    """Make control characters visible: a name may change the direction of the text around it."""
    is_data = isinstance(value, str) and not isinstance(value, Markup)
    return shown(value) if is_data else value


def _json_for_html(value: Any) -> Markup:
    """Return JSON for a script element: no text in it can end the element or begin a comment."""
    text = json.dumps(
        shown_values(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)
