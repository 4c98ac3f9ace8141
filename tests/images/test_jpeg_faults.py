"""A JPEG with missing parts is rejected, with the missing fraction; harmless flaws are accepted."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from artstyle_tf.images.reading.image_reading import (
    UnreadableImageError,
    decode_image,
    size_of_plain_jpeg,
)
from artstyle_tf.images.reading.jpeg_faults import fault_of_jpeg

SIDE = 160
END = b"\xff\xd9"


def painting(seed=0):
    """Generate an image with structure at all scales, like paintings."""
    generator = np.random.default_rng(seed)
    levels = np.zeros((SIDE, SIDE, 3))
    for size in (5, 20, 80):
        layer = generator.integers(0, 256, (size, size, 3), dtype=np.uint8)
        resized = Image.fromarray(layer).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        levels += np.asarray(resized, dtype=np.float64) / 3
    return Image.fromarray(levels.astype(np.uint8))


def jpeg(mode="RGB", **options):
    buffer = io.BytesIO()
    painting().convert(mode).save(buffer, "JPEG", **{"quality": 90, **options})
    return buffer.getvalue()


def pixel_data(content):
    """Return the start of the data of the first scan."""
    start = content.index(b"\xff\xda")
    return start + 2 + int.from_bytes(content[start + 2 : start + 4], "big")


def cut(content, share):
    """Truncate after a fraction of the pixel data, and append an end marker."""
    start = pixel_data(content)
    return content[: start + int((len(content) - start) * share)] + END


KINDS = {
    "baseline": {},
    "4:4:4": {"subsampling": 0},
    "4:2:0": {"subsampling": 2},
    "restarts": {"restart_marker_rows": 1},
    "gray": {"mode": "L"},
    "cmyk": {"mode": "CMYK"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_the_missing_share_of_a_cut_jpeg_is_named(kind, share):
    content = jpeg(**KINDS[kind])
    assert fault_of_jpeg(content) is None
    with pytest.raises(UnreadableImageError) as caught:
        decode_image(cut(content, share))
    assert caught.value.reason.startswith("the file is cut off: ")
    missing = int(re.search(r"(\d+)%", caught.value.reason)[1])
    # This painting has about as many bytes in each line.
    assert missing == pytest.approx(100 * (1 - share), abs=6)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5])
def test_a_cut_progressive_jpeg_is_rejected(share):
    with pytest.raises(UnreadableImageError, match=r"the file is cut off: "):
        decode_image(cut(jpeg(progressive=True), share))


def test_a_last_refinement_that_ends_early_is_a_warning():
    content = jpeg(progressive=True)
    decoded = decode_image(content[:-300] + END)
    assert "premature end" in decoded.decoder_warning
    assert np.abs(decoded.pixels.astype(int) - decode_image(content).pixels).mean() < 1


def test_scans_that_are_missing_without_a_trace_are_found():
    content = jpeg(progressive=True)
    starts = [found.start() for found in re.finditer(rb"\xff\xda", content)]
    tables = content.rindex(b"\xff\xc4", 0, starts[1])
    with pytest.raises(UnreadableImageError, match="scans with 98% of its detail are missing"):
        decode_image(content[:tables] + END)


def test_a_cut_jpeg_without_an_end_reports_how_much_is_missing():
    with pytest.raises(UnreadableImageError, match=r"cut off: the lower (4|5)\d% are missing"):
        decode_image(cut(jpeg(), 0.5)[:-2])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("restarts", [{}, {"restart_marker_rows": 2}])
def test_corrupt_data_in_the_middle_is_rejected(seed, restarts):
    content = bytearray(jpeg(**restarts))
    middle = pixel_data(content) + (len(content) - pixel_data(content)) // 2
    noise = np.random.default_rng(seed).integers(1, 254, 400, dtype=np.uint8)
    content[middle : middle + 400] = noise.tobytes()
    with pytest.raises(UnreadableImageError, match=r"damaged|cut off"):
        decode_image(bytes(content))


@pytest.mark.parametrize("seed", range(4))
def test_a_garbled_scan_of_a_progressive_jpeg_is_rejected(seed):
    content = bytearray(jpeg(progressive=True))
    middle = pixel_data(content) + (len(content) - pixel_data(content)) // 4
    noise = np.random.default_rng(seed).integers(1, 254, 400, dtype=np.uint8)
    content[middle : middle + 400] = noise.tobytes()
    with pytest.raises(UnreadableImageError, match=r"damaged|cut off"):
        decode_image(bytes(content))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("extra", [bytes(40), b"\x17\x2a\x99\x05\x61\x3c\xd0\x44\x81\x12\x77"])
def test_extraneous_bytes_are_no_reason_to_reject(options, extra):
    content = jpeg(**options)
    decoded = decode_image(content[:-2] + extra + END)
    np.testing.assert_array_equal(decoded.pixels, decode_image(content).pixels)
    assert "extraneous bytes" in decoded.decoder_warning
    assert not decoded.is_plain  # re-encoded, so that no later decoder prints the warning


def test_extraneous_bytes_between_segments_of_the_header_are_harmless():
    content = jpeg()
    tables = content.index(b"\xff\xdb")
    decoded = decode_image(content[:tables] + b"abcdef" + content[tables:])
    np.testing.assert_array_equal(decoded.pixels, decode_image(content).pixels)


def test_the_last_bytes_of_the_last_block_do_not_matter():
    content = jpeg()
    for shorter in (content[:-2] + bytes(64), content[:-3] + END, content + bytes(1000)):
        decoded = decode_image(shorter)
        assert np.abs(decoded.pixels.astype(int) - decode_image(content).pixels).mean() < 0.5


def test_an_image_of_the_fill_gray_of_decoders_is_intact():
    buffer = io.BytesIO()
    Image.new("RGB", (100, 80), (128, 128, 128)).save(buffer, "JPEG")
    decoded = decode_image(buffer.getvalue())
    assert decoded.is_plain
    assert size_of_plain_jpeg(buffer.getvalue(), max_side_px=None) == (100, 80)


@pytest.mark.parametrize("faulty", [cut(jpeg(), 0.5), jpeg()[:-2] + bytes(40) + END])
def test_a_jpeg_with_a_fault_is_not_passed_on_as_it_is(faulty):
    assert size_of_plain_jpeg(faulty, max_side_px=None) is None


def test_every_header_byte_can_be_wrong():
    content = jpeg()
    start = pixel_data(content)
    for position in range(2, start, 3):
        changed = bytearray(content)
        changed[position] ^= 0xFF
        fault_of_jpeg(bytes(changed))  # reports a fault or none, but does not raise
    for end in range(0, start + 20, 5):
        fault_of_jpeg(content[:end])


def test_warnings_of_libjpeg_do_not_reach_the_terminal(tmp_path):
    """Through the loader of predictions, whose TensorFlow prints them without a file's name."""
    (tmp_path / "cut.jpg").write_bytes(cut(jpeg(), 0.5))
    (tmp_path / "padded.jpg").write_bytes(jpeg()[:-2] + bytes(40) + END)
    program = (
        "import sys, pathlib\n"
        "from artstyle_tf.images.preparation.image_loading import ImageLoader\n"
        "loader = ImageLoader(image_size_px=32, aspect='squash', max_side_px=None)\n"
        "cut, padded = loader.load([pathlib.Path(sys.argv[1]) / name for name in sys.argv[2:]])\n"
        "print(cut.reason, padded.shape)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path), "cut.jpg", "padded.jpg"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.match(r"the file is cut off: the lower \d+% are missing \(32, 32, 3\)", done.stdout)
    assert "Corrupt JPEG" not in done.stderr
