"""Signatures by the Standard Webhooks convention: HMAC-SHA256 over id, time and body, under a shared secret.

https://www.standardwebhooks.com
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"
LEAST_BYTES: Final = 24
MOST_BYTES: Final = 64
NEW_BYTES: Final = 32


def new_secret() -> bytes:
    """A secret of 256 random bits."""
    return secrets.token_bytes(NEW_BYTES)


def written(secret: bytes) -> str:
    """A secret as it is told: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secret).decode()


def read_secret(text: str) -> bytes | None:
    """The bytes of a secret of 24 to 64; None for what is none."""
    if not text.startswith(PREFIX) or not text.isascii():
        return None
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        return None
    return secret if LEAST_BYTES <= len(secret) <= MOST_BYTES else None


def signed(message_id: str, at: datetime, body: bytes, keys: Iterable[bytes]) -> dict[str, str]:
    """The three headers of a message: its id, when it is sent, and a signature by each key, parted by blanks."""
    timestamp = str(int(at.timestamp()))
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(key, content, "sha256")).decode() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
