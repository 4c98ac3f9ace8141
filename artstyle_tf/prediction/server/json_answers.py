"""JSON that a server sends, which may be anybody's."""

from __future__ import annotations

import json
import re
from typing import Any

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def decoded_json(body: bytes) -> Any:
    """Decode JSON whose text can be written again.

    Args:
        body: as it came; UTF-8.

    Returns:
        What it says. Infinity and NaN, which are no JSON, are taken as TensorFlow Serving means
        them.

    Raises:
        ValueError: if it is none, with a reason of a few words.
    """
    try:
        content = json.loads(body.decode("utf-8-sig"))
        if _SURROGATE.search(body):
            # Half of a pair of surrogates is allowed in JSON, but is no text that can be written.
            json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("text that is no UTF-8") from error
    except ValueError as error:
        raise ValueError("no JSON") from error
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply") from error
    return content
