"""The images of a page: each is in the file once, however often it is shown."""

from __future__ import annotations

from collections.abc import Mapping


class ImageShelf:
    """Hands out images while a page is rendered.

    The first place where an image is shown holds its bytes, so that it can be seen without any
    script; later places name it, and the script of the page copies. Images without any place of
    their own, which only a click shows, are left for `unplaced`.

    Args:
        uris: key of an image -> data URI.
    """

    def __init__(self, uris: Mapping[str, str]) -> None:
        self._uris = dict(uris)
        self._numbers = {key: number for number, key in enumerate(self._uris)}
        self._placed: set[str] = set()

    def __contains__(self, key: object) -> bool:
        return key in self._uris

    def number(self, key: str) -> int | None:
        """What the page calls the image; None if there is no such image."""
        return self._numbers.get(key)

    def place(self, key: str) -> str | None:
        """The data URI at the first call, None later: the place is then to be filled by script."""
        if key in self._placed:
            return None
        self._placed.add(key)
        return self._uris[key]

    def unplaced(self) -> dict[int, str]:
        """Number -> data URI of all images that no place holds."""
        return {
            self._numbers[key]: uri for key, uri in self._uris.items() if key not in self._placed
        }
