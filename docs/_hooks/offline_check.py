"""MkDocs hook: ends the build where a page would fetch something from the network to be shown."""

from __future__ import annotations

import re
from typing import Any

from mkdocs.exceptions import PluginError

_FETCHED = re.compile(
    r"<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc=[\"'](?P<source>(?:https?:)?//[^\"']+)"
    r"|<link\b(?=[^>]*\brel=[\"'](?:stylesheet|preconnect|preload|icon))"
    r"[^>]*\bhref=[\"'](?P<link>(?:https?:)?//[^\"']+)"
)


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Looks for scripts, styles, fonts and images of other hosts."""
    del config
    found = _FETCHED.search(output)
    if found:
        address = found["source"] or found["link"]
        raise PluginError(f"{page.file.src_uri} would fetch {address}")
    return output
