"""Passwords in addresses, kept out of whatever is written or shown.

The one place that knows what a password looks like. Configs are written without it, so that they
load again and take it from the environment; messages show that there was one.
"""

from __future__ import annotations

import re
from typing import Any

_SHOWN = "***"

# scheme://user:password@host. A password that is not percent-encoded may hold anything: up to the
# last @ of the word, or to the next one if it has spaces. A port is no password.
_PORT = r"\d{1,5}(?:[/?#\s,;)'\"\]]|$)"
_PASSWORD = re.compile(
    rf"(?P<start>\b[a-z][\w+.-]*://[^\s/?#:@]*):(?!{_PORT})(?:\S*|[^@\n]*)@", re.IGNORECASE
)
# https://token@host: who needs no password there is the secret.
_TOKEN = re.compile(r"(?P<start>\bhttps?://)[^\s/?#@]+@", re.IGNORECASE)
_IN_QUERY = re.compile(
    r"(?P<start>[?&;](?:\w*password|passwd|pwd|\w*token|api_?key|\w*secret\w*|sig|signature)=)"
    r"[^&\s'\"#]*",
    re.IGNORECASE,
)
_IN_PAIRS = re.compile(r"(?P<start>\bpassword=)(?:'[^']*'|\"[^\"]*\"|[^\s&'\",;)]+)", re.IGNORECASE)


def redacted(text: str) -> str:
    """A message in which passwords of addresses are replaced by ***."""
    if "://" not in text and "password=" not in text.lower():
        return text
    text = _PASSWORD.sub(rf"\g<start>:{_SHOWN}@", text)
    text = _TOKEN.sub(lambda found: _mask_token(found), text)
    text = _IN_QUERY.sub(rf"\g<start>{_SHOWN}", text)
    return _IN_PAIRS.sub(rf"\g<start>{_SHOWN}", text)


def without_passwords(value: Any) -> Any:
    """JSON values in which addresses have no password; what is no address stays as it is.

    Of postgresql://user:password@host/art stays postgresql://user@host/art, which is an address
    again: libpq then looks for PGPASSWORD and ~/.pgpass.
    """
    if isinstance(value, dict):
        return {name: without_passwords(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [without_passwords(entry) for entry in value]
    if not isinstance(value, str) or "://" not in value:
        return value
    value = _PASSWORD.sub(r"\g<start>@", value).replace("://@", "://")
    value = _TOKEN.sub(r"\g<start>", value)
    if _IN_QUERY.search(value) is None:
        return value
    address, _, query = value.partition("?")
    query, hash_sign, fragment = query.partition("#")
    kept = [pair for pair in re.split("[&;]", query) if _IN_QUERY.match(f"?{pair}") is None]
    return address + ("?" + "&".join(kept) if kept else "") + hash_sign + fragment


def has_password(address: str) -> bool:
    """Whether an address holds what nobody else should read."""
    return without_passwords(address) != address


def _mask_token(found: re.Match[str]) -> str:
    shown = found.group()
    return shown if f":{_SHOWN}@" in shown else f"{found.group('start')}{_SHOWN}@"
