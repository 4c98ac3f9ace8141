"""Parse the URL of a served model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NoReturn
from urllib.parse import quote, unquote, urlsplit

from artstyle_tf.system.errors import ArtstyleError

Scheme = Literal["http", "https"]

_DEFAULT_PORTS = {"http": 80, "https": 443}
_PATH = re.compile(
    r"(?P<prefix>(?:/(?!v1/models/)[^/:]+)*?)"
    r"(?:/v1/models/(?P<name>[^/:]+)"
    r"(?:/versions/(?P<version>[0-9]{1,18})|/labels/(?P<label>[^/:]+))?"
    r"(?::predict|/metadata)?)?/?"
)
_HOST = re.compile(r"[A-Za-z0-9._~-]+|[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._~-]+)?")
_CREDENTIALS = re.compile(r"//[^/?#]*@")
_EXAMPLES = "http://HOST:8501 or https://HOST, followed by /v1/models/NAME for another model"


@dataclass(frozen=True)
class ServerAddress:
    """One model of one server.

    Attributes:
        scheme: "http" or "https".
        host: name or address.
        port: number.
        model_name: on the server.
        prefix: path before /v1, if a proxy adds one; else "".
        version: number of the version; None for the newest.
        version_label: its label, instead of a number; None for none.
    """

    scheme: Scheme
    host: str
    port: int
    model_name: str
    prefix: str = ""
    version: int | None = None
    version_label: str | None = None

    @property
    def target(self) -> str:
        """Host and port, as in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def model_path(self) -> str:
        """Path of the model in the REST API."""
        path = f"{quote(self.prefix)}/v1/models/{quote(self.model_name, safe='')}"
        if self.version is not None:
            return f"{path}/versions/{self.version}"
        if self.version_label is None:
            return path
        return f"{path}/labels/{quote(self.version_label, safe='')}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.target}{self.model_path}"


def parse_address(url: str, *, model_name: str | None = None) -> ServerAddress:
    """Parse a URL.

    Args:
        url: http://HOST:PORT or https://HOST:PORT, optionally with the path /v1/models/NAME and
            /versions/N or /labels/LABEL.
        model_name: used if the URL names no model.

    Raises:
        ArtstyleError: if the URL is not valid, or no model is named.
    """
    try:
        parts = urlsplit(url)
        host, port = _ascii_host(parts.hostname or ""), parts.port
        f"{parts.path}{model_name}".encode()
        if parts.scheme == "grpc":
            _refuse_grpc(url)
    except ValueError:  # also UnicodeError: half of a pair of surrogates, e.g.
        _refuse(url)
    path = _PATH.fullmatch(parts.path)
    is_plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in _DEFAULT_PORTS or not host or path is None or not is_plain:
        _refuse(url)
    name = unquote(path["name"]) if path["name"] else model_name
    if not name:
        raise ArtstyleError(
            f"The URL {url} names no model",
            expected="the name that the server was started with",
            fix="append /v1/models/NAME to the address",
        )
    version = path["version"]
    return ServerAddress(
        scheme=parts.scheme,  # pyright: ignore[reportArgumentType]  one of the keys above
        host=host,
        port=port or _DEFAULT_PORTS[parts.scheme],
        model_name=name,
        prefix=unquote(path["prefix"]),
        version=int(version) if version else None,
        version_label=unquote(path["label"]) if path["label"] else None,
    )


def _ascii_host(host: str) -> str:
    """Return the host as in requests, with IDNA for other letters; ValueError if not valid."""
    ascii_host = host if host.isascii() else host.encode("idna").decode("ascii")
    if not _HOST.fullmatch(ascii_host):
        raise ValueError(host)
    return ascii_host


def _refuse(url: str) -> NoReturn:
    raise ArtstyleError("This is not a valid server URL", received=_shown(url), expected=_EXAMPLES)


def _refuse_grpc(url: str) -> NoReturn:
    raise ArtstyleError(
        "Servers are contacted over REST, not over gRPC",
        received=_shown(url),
        expected=_EXAMPLES,
        fix="use the server's REST port; for gRPC take grpc_client.py in the export's folder "
        "serving as an example",
    )


def _shown(url: str) -> str:
    return _CREDENTIALS.sub("//***@", url).encode("utf-8", "backslashreplace").decode()
