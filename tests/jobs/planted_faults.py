"""Write a folder of images with every kind of fault, and nothing else wrong."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

STYLES = {"baroque": 24, "naive": 24, "rare": 7}
_SIZE = (200, 150)


def scenery(seed, size=_SIZE):
    """Generate an image with detail at every scale; all seeds differ."""
    generator = np.random.default_rng(seed)
    layers = []
    for cells in (4, 8, 16, 32):
        noise = generator.random((cells, cells, 3)) * 255 / np.sqrt(cells)
        small = Image.fromarray(noise.astype(np.uint8))
        layers.append(np.asarray(small.resize(size, Image.Resampling.BICUBIC), float))
    pixels = np.sum(layers, axis=0)
    return Image.fromarray((255 * pixels / pixels.max()).astype(np.uint8))


def encoded(image, file_format="JPEG", **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **({"quality": 85} if file_format == "JPEG" else {}), **options)
    return buffer.getvalue()


def framed(seed):
    """Generate an image in a wooden frame, uneven along all sides."""
    generator = np.random.default_rng(seed)
    wood = generator.normal(70, 12, (190, 240, 3)) + np.linspace(0, 25, 240)[:, None]
    frame = Image.fromarray(wood.clip(0, 255).astype(np.uint8))
    bright = np.asarray(scenery(seed), float) * 0.4 + 140
    frame.paste(Image.fromarray(bright.astype(np.uint8)), (20, 20))
    return frame


def plant(root: Path) -> dict[str, set[str]]:
    """Write the folder.

    Returns:
        Code of a finding -> paths of the images it is about; for copies, the images of the
        sets.
    """
    number = 0
    for style, count in STYLES.items():
        (root / style).mkdir(parents=True)
        for position in range(count):
            # Half of what is naive is by one artist.
            artist = "zoe" if style == "naive" and position % 2 else f"{style}-{position}"
            (root / style / f"{artist}_work-{position}.jpg").write_bytes(encoded(scenery(number)))
            number += 1

    def put(path, content):
        (root / path).write_bytes(content)
        return path

    plain = encoded(scenery(1000))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    frames = [scenery(1100 + n) for n in range(3)]
    white = np.full((150, 200, 3), 250) + np.random.default_rng(0).integers(-2, 3, (150, 200, 3))
    uniform = Image.fromarray(white.astype(np.uint8))
    (root / "void").mkdir()
    put("baroque/notes.txt", b"not an image at all")
    expected = {
        "unreadable": {
            put("baroque/page.jpg", b"<!DOCTYPE html><html></html>"),
            put("naive/nothing.png", b""),
            put("naive/noise.jpg", bytes(range(256)) * 8),
        },
        "truncated": {
            put("baroque/half.jpg", plain[: len(plain) // 2]),
            put("naive/half.png", encoded(scenery(1001), "PNG")[:9000]),
            put("naive/half-with-end.jpg", plain[: len(plain) // 2] + b"\xff\xd9"),
            put("naive/endless.jpg", encoded(scenery(1002))[:-2] + bytes(64)),
        },
        "misnamed": {
            put("baroque/png.jpg", encoded(scenery(1003), "PNG")),
            put("naive/jpeg.txt", encoded(scenery(1004))),
        },
        "tiny": {put("baroque/stamp.jpg", encoded(scenery(1005, (40, 30))))},
        "huge": {put("naive/wall.jpg", encoded(scenery(1006, (1300, 1000))))},
        "animated": {
            put(
                "naive/film.gif", encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
            )
        },
        "nearly_uniform": {put("baroque/page.png", encoded(uniform, "PNG"))},
        "border": {
            put("baroque/margins.jpg", encoded(ImageOps.expand(scenery(1007), 15, "white"))),
            put("naive/bars.jpg", encoded(ImageOps.expand(scenery(1008), (0, 25), "black"))),
        },
        "frame": {put("naive/wood.jpg", encoded(framed(1009)))},
        "color_profile": {put("naive/wide.jpg", encoded(scenery(1010), icc_profile=profile))},
        "images_not_read": {put("naive/scan.jp2", encoded(scenery(1011), "JPEG2000"))},
        "decoder_warnings": {
            put("baroque/padded.jpg", encoded(scenery(1012))[:-2] + bytes(40) + b"\xff\xd9")
        },
        "ignored_files": {"baroque/notes.txt", "naive/jpeg.txt"},
        "empty_style": {"void"},
        "small_style": set(STYLES),
        "imbalance": {"naive", "rare"},
        "dominant_group": {"naive"},
        "mostly_augmented_style": {"rare"},
    }
    first, second = "baroque/baroque-0_work-0.jpg", "baroque/baroque-1_work-1.jpg"
    third, fourth = "baroque/baroque-2_work-2.jpg", "baroque/baroque-3_work-3.jpg"
    shutil.copy(root / first, root / "baroque/again.jpg")
    shutil.copy(root / second, root / "naive/stolen.jpg")
    smaller = scenery(2).resize((140, 105))
    put("baroque/smaller.jpg", encoded(smaller))
    put("naive/gray.jpg", encoded(scenery(3).convert("L").convert("RGB")))
    return {
        **expected,
        "exact_duplicates": {first, "baroque/again.jpg"},
        "exact_duplicates_across_styles": {second, "naive/stolen.jpg"},
        "near_duplicates": {third, "baroque/smaller.jpg"},
        "near_duplicates_across_styles": {fourth, "naive/gray.jpg"},
        "gray_images": {"naive/gray.jpg", "baroque/page.png"},
    }
