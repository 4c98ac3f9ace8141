"""Parse a page into elements, texts and scripts."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any


class ReadPage(HTMLParser):
    """A parsed page.

    Attributes:
        elements: name and attributes of each, in their order.
        text: all text outside of script and style.
        headings: level and text of each.
        scripts: attributes and content of each script.
        style: content of the style element.
    """

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.headings: list[tuple[int, str]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.style = ""
        self._inside: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if tag in ("script", "style", "h1", "h2", "h3", "h4"):
            self._inside.append(tag)
            if tag[0] == "h":
                self.headings.append((int(tag[1]), ""))

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        inside = self._inside[-1] if self._inside else ""
        if inside == "script":
            attributes, content = self.scripts[-1]
            self.scripts[-1] = (attributes, content + data)
        elif inside == "style":
            self.style += data
        else:
            self.text += data
            if inside:
                level, content = self.headings[-1]
                self.headings[-1] = (level, content + data)

    def all(self, name: str) -> list[dict[str, str | None]]:
        """Return the attributes of all elements of a name."""
        return [attributes for element, attributes in self.elements if element == name]

    def data(self, identifier: str) -> Any:
        """Return the content of a block of data."""
        blocks = {attributes.get("id"): text for attributes, text in self.scripts}
        return json.loads(blocks[identifier])
