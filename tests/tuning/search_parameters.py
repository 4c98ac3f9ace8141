"""Parameters of search spaces, for tests."""

from __future__ import annotations

from typing import Any

import pydantic

from artstyle_tf.tuning.parameters import Parameter

_ADAPTER = pydantic.TypeAdapter(Parameter)


def parameter(kind: str, **fields: Any) -> Parameter:
    """Create a parameter of the type "float", "int" or "categorical", checked as in a config."""
    return _ADAPTER.validate_python({"type": kind, **fields})
