"""Files that could be among the images by accident or malice.

Everything follows from the seed. `write_hostile_folder` makes a folder of style folders of them;
the other functions give single files as bytes, for tests of readers.
"""

from __future__ import annotations

import io
import itertools
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

STYLES = ("bold", "fine", "wide")

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def ordinary_files(seed: int = 0, *, size_px: int = 40) -> dict[str, bytes]:
    """Return good images in every readable format, by file name; mutations start from these."""
    generator = np.random.default_rng(seed)
    low = generator.integers(0, 256, (5, 5, 3), dtype=np.uint8)
    rgb = Image.fromarray(low).resize((size_px, size_px), Image.Resampling.BICUBIC)
    rgba = rgb.copy()
    rgba.putalpha(rgb.convert("L"))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x8298] = 6, "a title", "somebody"
    wide = Image.fromarray(np.asarray(rgb.convert("L")).astype(np.uint16) * 257)
    floats = Image.fromarray(np.asarray(rgb.convert("L")).astype(np.float32) / 255)
    frames = [rgb.rotate(90 * turn) for turn in range(3)]
    several = {"save_all": True, "append_images": frames[1:]}
    return {
        "baseline.jpg": encoded(rgb, "JPEG", quality=90),
        "progressive.jpg": encoded(rgb, "JPEG", progressive=True, quality=70),
        "turned.jpg": encoded(rgb, "JPEG", exif=exif),
        "gray.jpg": encoded(rgb.convert("L"), "JPEG"),
        "cmyk.jpg": encoded(rgb.convert("CMYK"), "JPEG"),
        "plain.png": encoded(rgb, "PNG"),
        "transparent.png": encoded(rgba, "PNG"),
        "palette.png": encoded(rgb.convert("P"), "PNG", transparency=3),
        "sixteen.png": encoded(wide, "PNG"),
        "one-bit.png": encoded(rgb.convert("1"), "PNG"),
        "animated.png": encoded(rgb, "PNG", **several),
        "lossy.webp": encoded(rgb, "WEBP"),
        "lossless.webp": encoded(rgba, "WEBP", lossless=True),
        "animated.webp": encoded(rgb, "WEBP", **several),
        "still.gif": encoded(rgb, "GIF"),
        "animated.gif": encoded(rgb, "GIF", **several),
        "plain.bmp": encoded(rgb, "BMP"),
        "palette.bmp": encoded(rgb.convert("P"), "BMP"),
        "raw.tif": encoded(rgb, "TIFF", exif=exif),
        "deflated.tif": encoded(rgba, "TIFF", compression="tiff_deflate"),
        "lzw.tif": encoded(rgb, "TIFF", compression="tiff_lzw"),
        "jpeg.tif": encoded(rgb, "TIFF", compression="jpeg"),
        "sixteen.tif": encoded(wide, "TIFF"),
        "floats.tif": encoded(floats, "TIFF"),
        "lab.tif": encoded(rgb.convert("LAB"), "TIFF"),
        "pages.tif": encoded(rgb, "TIFF", **several),
        "plain.avif": encoded(rgb, "AVIF", speed=10),
    }


def encoded(image: Image.Image, file_format: str, **options: object) -> bytes:
    """Return the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, format=file_format, **options)
    return buffer.getvalue()


def truncations(content: bytes) -> list[bytes]:
    """Return a file truncated at every 5 %."""
    return [content[: len(content) * percent // 100] for percent in range(0, 100, 5)]


def mutated(content: bytes, other: bytes, generator: np.random.Generator) -> bytes:
    """Apply one random change, of a random kind, to a file.

    Args:
        content: of a good file.
        other: another good file, for splicing.
        generator: of everything random.
    """
    mutation = _MUTATIONS[generator.integers(len(_MUTATIONS))]
    return mutation(bytearray(content), other, generator)


def _cut(content: bytearray, _: bytes, generator: np.random.Generator) -> bytes:
    return truncations(bytes(content))[generator.integers(20)]


def _flip_bits(content: bytearray, _: bytes, generator: np.random.Generator) -> bytes:
    for _number in range(2 ** generator.integers(0, 8)):
        content[generator.integers(len(content))] ^= 1 << generator.integers(8)
    return bytes(content)


def _flip_header(content: bytearray, _: bytes, generator: np.random.Generator) -> bytes:
    for _number in range(generator.integers(1, 5)):
        content[generator.integers(min(len(content), 64))] = generator.integers(256)
    return bytes(content)


def _wrong_magic(content: bytearray, other: bytes, generator: np.random.Generator) -> bytes:
    content[:12] = other[:12]
    return bytes(content)


def _zero_block(content: bytearray, _: bytes, generator: np.random.Generator) -> bytes:
    start = generator.integers(len(content))
    end = min(len(content), start + generator.integers(1, 512))
    content[start:end] = bytes(end - start)
    return bytes(content)


def _repeat_block(content: bytearray, _: bytes, generator: np.random.Generator) -> bytes:
    start, length = generator.integers(len(content)), generator.integers(1, 64)
    block = content[start : start + length]
    content[start:start] = block * int(generator.integers(1, 40))
    return bytes(content)


def _splice(content: bytearray, other: bytes, generator: np.random.Generator) -> bytes:
    return bytes(content[: generator.integers(len(content))]) + other[len(other) // 3 :]


def _huge_number(content: bytearray, _: bytes, generator: np.random.Generator) -> bytes:
    """Overwrite 4 bytes, which may be a length, size or offset, by an extreme number."""
    start = generator.integers(max(1, min(len(content) - 4, 200)))
    number = (0xFFFFFFFF, 0x7FFFFFFF, 0xFFFF, 0x10000, 0, 60000)[generator.integers(6)]
    order = "<>"[generator.integers(2)]
    content[start : start + 4] = struct.pack(f"{order}I", number)
    return bytes(content)


_MUTATIONS: tuple[Callable[[bytearray, bytes, np.random.Generator], bytes], ...] = (
    _cut,
    _flip_bits,
    _flip_header,
    _wrong_magic,
    _zero_block,
    _repeat_block,
    _splice,
    _huge_number,
)


def special_files() -> dict[str, bytes]:
    """Return files with special faults, all of them fast to create."""
    dot, line = Image.new("RGB", (1, 1), "red"), Image.new("RGB", (60_000, 1), "blue")
    rgb = Image.linear_gradient("L").resize((48, 48)).convert("RGB")
    jpeg, png = encoded(rgb, "JPEG"), encoded(rgb, "PNG")
    files = {
        "empty.jpg": b"",
        "zeros.png": bytes(4096),
        "noise.webp": np.random.default_rng(1).bytes(4096),
        "magic-only.jpg": b"\xff\xd8\xff\xe0",
        "magic-only.png": _PNG_SIGNATURE,
        "page.jpg": b"<!DOCTYPE html><html><body>404</body></html>",
        "drawing.png": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        "entities.png": b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">]><svg>&a;</svg>',
        "script.gif": b"GIF89a/*\x00\x00\x00\x00*/=1;alert(1)//",
        "program.jpg": b"MZ" + bytes(500),
        "postscript.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nquit\n",
        "bomb.png": png_of_nothing(60_000, 60_000),
        "bomb-short.png": png_of_nothing(9_000, 9_000, filled=False),
        "bomb-negative.bmp": _bmp_header(60_000, -60_000),
        "bomb.bmp": _bmp_header(2**31 - 1, 2**31 - 1),
        "bomb.jpg": _jpeg_of_size(jpeg, 65_500, 65_500),
        "bomb-thin.jpg": _jpeg_of_size(jpeg, 65_500, 40),
        "bomb.gif": b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + b"\x80\x00\x00" + bytes(6),
        "text-bomb.png": _png_with_chunk(png, b"zTXt", b"a\0\0" + zlib.compress(bytes(50_000_000))),
        "profile-bomb.png": _png_with_chunk(
            png, b"iCCP", b"a\0\0" + zlib.compress(bytes(50_000_000))
        ),
        "loop.tif": _tiff_with_loop(),
        "many-frames.gif": gif_of_frames(30_000),
        "exif.jpg": _jpeg_with_exif(jpeg, np.random.default_rng(2).bytes(3000)),
        "exif-loop.jpg": _jpeg_with_exif(jpeg, _tiff_with_loop()),
        "exif-long.jpg": _jpeg_with_exif(jpeg, b"II*\0" + struct.pack("<I", 2**32 - 1)),
        "zip.jpg": jpeg + _zip_file(),
        "zip-in-png.png": png + _zip_file(),
        "pdf.jpg": b"%PDF-1.4\n" + jpeg,
        "two.jpg": jpeg + jpeg,
        "two-kinds.png": png + jpeg,
        "garbage-after.jpg": jpeg + np.random.default_rng(3).bytes(5000),
        "garbage-before.jpg": bytes(100) + jpeg,
        "thin.jpg": encoded(line, "JPEG"),
        "thin.png": encoded(line, "PNG"),
        "high.png": encoded(line.transpose(Image.Transpose.ROTATE_90), "PNG"),
        "high.tif": encoded(line.transpose(Image.Transpose.ROTATE_90), "TIFF"),
        "titled.png": encoded(rgb, "PNG", pnginfo=_long_texts()),
    }
    for suffix, name in (("jpg", "JPEG"), ("png", "PNG"), ("webp", "WEBP"), ("gif", "GIF")):
        files[f"dot.{suffix}"] = encoded(dot, name)
    files |= {"dot.bmp": encoded(dot, "BMP"), "dot.tif": encoded(dot, "TIFF")}
    return files


def files_at_the_limit(side_px: int = 9_999) -> Iterator[tuple[str, bytes]]:
    """Yield the largest readable images, each of which is small on disk."""
    yield "limit.jpg", encoded(Image.new("RGB", (side_px, side_px)), "JPEG", quality=30)
    gray = Image.new("L", (side_px, side_px))
    # Kind of color, bits, bytes of a pixel: RGB, with transparency, 16-bit gray, 16-bit RGB with
    # transparency, palette.
    for color, bits, width in ((2, 8, 3), (6, 8, 4), (0, 16, 2), (6, 16, 8), (3, 8, 1)):
        name = f"limit-{color}-{bits}.png"
        yield name, png_of_nothing(side_px, side_px, color=color, bits=bits, width=width)
    for smaller, share in (("limit.webp", 0.39), ("limit-progressive.jpg", 0.79)):
        side = int(side_px * share**0.5)
        options = {"method": 0} if smaller.endswith("webp") else {"progressive": True}
        mode = "RGBA" if smaller.endswith("webp") else "RGB"
        file_format = "WEBP" if smaller.endswith("webp") else "JPEG"
        yield smaller, encoded(Image.new(mode, (side, side)), file_format, **options)
    yield "limit.gif", encoded(Image.new("P", (side_px, side_px)), "GIF")
    yield (
        "limit-1-bit.tif",
        encoded(Image.new("1", (side_px, side_px)), "TIFF", compression="group4"),
    )
    yield "limit-float.tif", encoded(gray.convert("F"), "TIFF", compression="tiff_deflate")


def png_of_nothing(
    width_px: int,
    height_px: int,
    *,
    color: int = 2,
    bits: int = 8,
    width: int = 3,
    filled: bool | None = None,
) -> bytes:
    """Encode a PNG of zeros, compressed a thousandfold; sparse above 100 million pixels."""
    if filled is None:
        filled = width_px * height_px <= 100_000_000
    compressor = zlib.compressobj(6)
    row = bytes(1 + width_px * width)
    rows = (row for _ in range(height_px if filled else 3))
    data = b"".join(compressor.compress(each) for each in rows) + compressor.flush()
    header = struct.pack(">IIBBBBB", width_px, height_px, bits, color, 0, 0, 0)
    palette = _chunk(b"PLTE", bytes(range(30))) if color == 3 else b""
    body = _chunk(b"IHDR", header) + palette + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
    return _PNG_SIGNATURE + body


def gif_of_frames(count: int) -> bytes:
    """Encode many frames of one pixel each."""
    start = b"GIF89a" + struct.pack("<HH", 2, 2) + b"\x80\x00\x00" + bytes(6)
    frame = b",\0\0\0\0" + struct.pack("<HH", 1, 1) + b"\0" + b"\x02\x02\x44\x01\0"
    return start + frame * count + b";"


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png_with_chunk(png: bytes, name: bytes, data: bytes) -> bytes:
    after_header = len(_PNG_SIGNATURE) + 25
    return png[:after_header] + _chunk(name, data) + png[after_header:]


def _long_texts() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    for number in range(50):
        info.add_text(f"text {number}", "x" * 10_000, zip=True)
    return info


def _bmp_header(width_px: int, height_px: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width_px, height_px, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header + bytes(64)


def _jpeg_of_size(jpeg: bytes, width_px: int, height_px: int) -> bytes:
    """Change the size in the header of the frame."""
    place = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:place] + struct.pack(">HH", height_px, width_px) + jpeg[place + 4 :]


def _jpeg_with_exif(jpeg: bytes, block: bytes) -> bytes:
    segment = b"Exif\0\0" + block
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


def _tiff_with_loop() -> bytes:
    """Encode a directory whose successor is itself."""
    entry = struct.pack("<HHII", 0x0112, 3, 1, 1)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 1) + entry + struct.pack("<I", 8)


def _zip_file() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("run.js", "alert(1)")
    return buffer.getvalue()


def strange_names() -> list[str]:
    """Return file names that shells, tables and terminals misinterpret."""
    return [
        "new\nline.png",
        "carriage\rreturn.png",
        "both\r\nends.png",
        'double " quote.png',
        "single ' quote.png",
        "comma, semicolon; tab\t.png",
        " blank at the start.png",
        "blank at the end .png",
        "-dash.png",
        "--help.png",
        "=1+1.png",
        "%s %d {0} $(touch hacked) `id`.png",
        "back\\slash.png",
        "line\u2028separator.png",
        "next\x85line.png",
        "vertical\x0btab and form\x0cfeed.png",
        "bell\x07 and escape\x1b[31m.png",
        "right\u202eto left.png",
        "ümläut.png",
        "u\u0308mla\u0308ut.png",
        "CON.png",
        "two..dots..png",
        "🎨.png",
        "NA.png",
        "l" * 251 + ".png",
        "ö" * 125 + ".png",
        "a+001.png",
    ]


def write_hostile_folder(
    root: Path, *, num_mutated: int, seed: int = 0, at_the_limit: bool = False
) -> Path:
    """Write a folder of style folders with good, mutated, special and strangely named files.

    Args:
        root: of the images; made.
        num_mutated: number of mutated files; 20 of each ordinary file are its truncations.
        seed: of the mutations.
        at_the_limit: also the largest images that are read.
    """
    generator = np.random.default_rng(seed)
    for style in STYLES:
        (root / style / "deeper").mkdir(parents=True)
    places = itertools.cycle(root / style for style in STYLES)
    ordinary = ordinary_files(seed)
    for style in STYLES:
        for name, content in ordinary_files(hash_of(style), size_px=48).items():
            (root / style / name).write_bytes(content)
    contents = list(ordinary.values())
    suffixes = [Path(name).suffix for name in ordinary]
    truncated = [
        (cut, suffix)
        for content, suffix in zip(contents, suffixes, strict=True)
        for cut in truncations(content)
    ]
    for number in range(num_mutated):
        if number < len(truncated):
            content, suffix = truncated[number]
        else:
            one, other = generator.integers(len(contents), size=2)
            content = mutated(contents[one], contents[other], generator)
            suffix = suffixes[one]
        (next(places) / "deeper" / f"{number:05d}{suffix}").write_bytes(content)
    for name, content in special_files().items():
        (next(places) / f"special-{name}").write_bytes(content)
    if at_the_limit:
        for name, content in files_at_the_limit():
            (next(places) / name).write_bytes(content)
    for number, name in enumerate(strange_names()):
        (next(places) / name).write_bytes(image_of_its_own(1000 + number))
    _write_strange_entries(root / STYLES[0])
    return root


def image_of_its_own(number: int) -> bytes:
    """Encode a valid PNG that looks like no other."""
    low = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return encoded(Image.fromarray(low).resize((32, 32), Image.Resampling.BICUBIC), "PNG")


def hash_of(text: str) -> int:
    """Return a hash that, unlike `hash`, is the same in every process."""
    return zlib.crc32(text.encode())


def _write_strange_entries(folder: Path) -> None:
    """Write entries that are not regular files."""
    (folder / "folder.png").mkdir()
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "up").symlink_to("..", target_is_directory=True)
    (folder / "itself.png").symlink_to("itself.png")
    (folder / "nowhere.png").symlink_to("does-not-exist.png")
    (folder / "again.png").symlink_to("plain.png")
    (folder / "device.png").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.png")
    (folder / os.fsdecode(b"not-utf8-\xff.png")).write_bytes(image_of_its_own(1))
