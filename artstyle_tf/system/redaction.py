"""Removal of passwords from everything that is written or printed.

The only place that knows what a password looks like. Configs are written without passwords, so that
they load again and take them from the environment; messages show a mask.
"""

from __future__ import annotations

import re
from typing import Any

_SHOWN = "***"

# scheme://user:password@host. A password that is not percent-encoded may hold anything: up to the
# last @ of the word, or to the next one if it has spaces. A port is not a password.
_PORT = r"\d{1,5}(?:[/?#\s,;)'\"\]]|$)"
_PASSWORD = re.compile(
    rf"(?P<start>\b[a-z][\w+.-]*://[^\s/?#:@]*):(?!{_PORT})(?:\S*|[^@\n]*)@", re.IGNORECASE
)
# https://token@host: without a password the user name is the secret.
_TOKEN = re.compile(r"(?P<start>\bhttps?://)[^\s/?#@]+@", re.IGNORECASE)
_IN_QUERY = re.compile(
    r"(?P<start>[?&;](?:\w*password|passwd|pwd|\w*token|api_?key|\w*secret\w*|sig|signature)=)"
    r"[^&\s'\"#]*",
    re.IGNORECASE,
)
_IN_PAIRS = re.compile(r"(?P<start>\bpassword=)(?:'[^']*'|\"[^\"]*\"|[^\s&'\",;)]+)", re.IGNORECASE)


def redacted(text: str) -> str:
    """Replace passwords in addresses by ***."""
    if "://" not in text and "password=" not in text.lower():
        return text
    text = _PASSWORD.sub(rf"\g<start>:{_SHOWN}@", text)
    text = _TOKEN.sub(lambda found: _mask_token(found), text)
    text = _IN_QUERY.sub(rf"\g<start>{_SHOWN}", text)
    return _IN_PAIRS.sub(rf"\g<start>{_SHOWN}", text)


def without_passwords(value: Any) -> Any:
    """Remove passwords from addresses in JSON values; other values are unchanged.

    postgresql://user:password@host/art becomes postgresql://user@host/art; libpq then uses
    PGPASSWORD or ~/.pgpass.
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
    """Return whether an address contains a password or token."""
    return without_passwords(address) != address


def _mask_token(found: re.Match[str]) -> str:
    shown = found.group()
    return shown if f":{_SHOWN}@" in shown else f"{found.group('start')}{_SHOWN}@"
