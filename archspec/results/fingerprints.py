"""Short names for what texts and files hold."""

from __future__ import annotations

from hashlib import sha256


def fingerprint(text: str | bytes) -> str:
    """The first 16 digits of the SHA-256 of a text in UTF-8."""
    return sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:16]
