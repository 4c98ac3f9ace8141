"""Which page of a TIFF is the image, and which TIFFs Pillow reads wrongly.

Source: TIFF Revision 6.0 (1992), NewSubfileType, SubfileType, PlanarConfiguration.
"""

from __future__ import annotations

from PIL import Image

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE = 254, 255
_REDUCED_OR_MASK = 1 | 4
_REDUCED_IN_OLD_FILES = 2
_BITS_PER_SAMPLE, _PLANAR_CONFIGURATION = 258, 284
_SEPARATE = 2
_MOST_PAGES_SEARCHED = 64


def seek_full_resolution(image: Image.Image) -> None:
    """Goes to the first page that is neither a thumbnail nor a mask, or else to the first.

    Args:
        image: a TIFF that is open but not loaded.
    """
    if not _is_reduced(image):
        return
    for page in range(1, min(getattr(image, "n_frames", 1), _MOST_PAGES_SEARCHED)):
        image.seek(page)
        if not _is_reduced(image):
            return
    image.seek(0)


def fault_of_tiff(image: Image.Image) -> str | None:
    """Why Pillow would show a TIFF wrongly, or None.

    Args:
        image: a TIFF at the page that is wanted.
    """
    bits = _values(image, _BITS_PER_SAMPLE)
    is_separate = _values(image, _PLANAR_CONFIGURATION) == (_SEPARATE,)
    if len(bits) > 1 and max(bits) > 8 and is_separate:
        return f"a TIFF of {max(bits)} bits whose channels are stored apart is not read here"
    return None


def _is_reduced(image: Image.Image) -> bool:
    is_reduced = any(kind & _REDUCED_OR_MASK for kind in _values(image, _NEW_SUBFILE_TYPE))
    return is_reduced or _values(image, _SUBFILE_TYPE) == (_REDUCED_IN_OLD_FILES,)


def _values(image: Image.Image, tag: int) -> tuple[int, ...]:
    found = image.tag_v2.get(tag, ())  # pyright: ignore[reportAttributeAccessIssue]
    return tuple(found) if isinstance(found, tuple) else (int(found),)
