"""Run a SavedModel through TensorFlow's C API: the loader that TensorFlow Serving uses, no Python.

    python c_api_client.py LIBRARY SAVED_MODEL INPUT OUTPUT FILE [FILE ...]

INPUT and OUTPUT are names of tensors such as "serving_default_image_bytes:0"; the output is text.
Prints a JSON list. Its own process, because the library of one process serves one Python only.
"""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path

_STRING = 7  # TF_STRING
_TSTRING_BYTES = 24


class _Output(ctypes.Structure):
    _fields_ = (("operation", ctypes.c_void_p), ("index", ctypes.c_int))


def _declare(library: ctypes.CDLL) -> None:
    """Declare functions that return pointers, which ctypes otherwise truncates to 32 bits."""
    for name in (
        "TF_NewStatus",
        "TF_NewGraph",
        "TF_NewSessionOptions",
        "TF_LoadSessionFromSavedModel",
        "TF_GraphOperationByName",
        "TF_AllocateTensor",
        "TF_TensorData",
        "TF_StringGetDataPointer",
    ):
        getattr(library, name).restype = ctypes.c_void_p
    library.TF_Message.restype = ctypes.c_char_p
    library.TF_Dim.restype = ctypes.c_int64
    library.TF_StringGetSize.restype = ctypes.c_size_t


class Session:
    """A loaded SavedModel."""

    def __init__(self, library: str, saved_model: str) -> None:
        self._tf = ctypes.CDLL(library)
        _declare(self._tf)
        self._status = ctypes.c_void_p(self._tf.TF_NewStatus())
        self._graph = ctypes.c_void_p(self._tf.TF_NewGraph())
        tags = (ctypes.c_char_p * 1)(b"serve")
        self._session = ctypes.c_void_p(
            self._tf.TF_LoadSessionFromSavedModel(
                ctypes.c_void_p(self._tf.TF_NewSessionOptions()),
                None,
                saved_model.encode(),
                tags,
                1,
                self._graph,
                None,
                self._status,
            )
        )
        self._check()

    def run(self, input_name: str, output_name: str, values: list[bytes]) -> list[str]:
        """Feed a vector of strings and fetch one output."""
        fed = (ctypes.c_void_p * 1)(self._tensor_of(values))
        fetched = (ctypes.c_void_p * 1)()
        inputs = (_Output * 1)(self._output(input_name))
        outputs = (_Output * 1)(self._output(output_name))
        self._tf.TF_SessionRun(
            self._session,
            None,
            *(inputs, fed, 1),
            *(outputs, fetched, 1),
            *(None, 0, None),
            self._status,
        )
        self._check()
        return self._strings_of(ctypes.c_void_p(fetched[0]))

    def _check(self) -> None:
        if self._tf.TF_GetCode(self._status) != 0:
            sys.exit(self._tf.TF_Message(self._status).decode())

    def _output(self, name: str) -> _Output:
        operation, index = name.split(":")
        found = self._tf.TF_GraphOperationByName(self._graph, operation.encode())
        assert found, name
        return _Output(found, int(index))

    def _tensor_of(self, values: list[bytes]) -> int:
        dims = (ctypes.c_int64 * 1)(len(values))
        size = ctypes.c_size_t(_TSTRING_BYTES * len(values))
        tensor = self._tf.TF_AllocateTensor(_STRING, dims, 1, size)
        begin = self._tf.TF_TensorData(ctypes.c_void_p(tensor))
        for number, value in enumerate(values):
            place = ctypes.c_void_p(begin + _TSTRING_BYTES * number)
            self._tf.TF_StringInit(place)
            self._tf.TF_StringCopy(place, value, ctypes.c_size_t(len(value)))
        return tensor

    def _strings_of(self, tensor: ctypes.c_void_p) -> list[str]:
        begin = self._tf.TF_TensorData(tensor)
        strings = []
        for number in range(self._tf.TF_Dim(tensor, 0)):
            place = ctypes.c_void_p(begin + _TSTRING_BYTES * number)
            data = self._tf.TF_StringGetDataPointer(place)
            strings.append(ctypes.string_at(data, self._tf.TF_StringGetSize(place)).decode())
        return strings


if __name__ == "__main__":
    library, saved_model, input_name, output_name, *files = sys.argv[1:]
    contents = [Path(file).read_bytes() for file in files]
    print(json.dumps(Session(library, saved_model).run(input_name, output_name, contents)))
