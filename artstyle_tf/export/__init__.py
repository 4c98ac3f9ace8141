"""Export of a finished run: SavedModel, other formats, model card, serving kit.

The room has the name of the public function, and Python binds a package to its name in the parent
as soon as one of its modules is imported. So that `artstyle_tf.export(run)` works then, too, the
package itself can be called; it hands everything on to `artstyle_tf.api.functions.export`.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any


class _CallableRoom(types.ModuleType):
    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        functions = importlib.import_module("artstyle_tf.api.functions")
        return functions.export(*arguments, **settings)


sys.modules[__name__].__class__ = _CallableRoom
