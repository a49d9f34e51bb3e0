"""Who may speak to a NATS server, by its decentralised JWTs: an operator, an account, a user with credentials.

The forms are those of docs.nats.io, "Decentralized JWT Authentication": claims in JSON, signed by the nkey above.
"""

import base64
import json
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Account:
    """A server's configuration that lets in whoever has the credentials, and nobody else."""

    config: Path
    creds: Path


def account(folder: Path) -> Account:
    """Make one in a folder that is there; it needs the package nkeys."""
    import nkeys

    def key(prefix: int) -> Any:
        return nkeys.from_seed(bytes(nkeys.encode_seed(os.urandom(32), prefix)))

    operator, user = key(nkeys.PREFIX_BYTE_OPERATOR), key(nkeys.PREFIX_BYTE_USER)
    owner, system = key(nkeys.PREFIX_BYTE_ACCOUNT), key(nkeys.PREFIX_BYTE_ACCOUNT)
    everything = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
    everything |= {"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "conn": -1, "leaf": -1}
    accounts = {
        whose.public_key.decode(): _signed(operator, whose, {"type": "account", "limits": limits})
        for whose, limits in ((owner, everything), (system, {"subs": -1, "conn": -1}))
    }
    signed = _signed(owner, user, {"type": "user", "subs": -1, "data": -1, "payload": -1})
    config, creds = folder / "nats.conf", folder / "node.creds"
    config.write_text(
        f"operator: {_signed(operator, operator, {'type': 'operator'})}\nresolver: MEMORY\n"
        f"system_account: {system.public_key.decode()}\nresolver_preload: {json.dumps(accounts)}\n"
    )
    creds.write_text(
        f"-----BEGIN NATS USER JWT-----\n{signed}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n------END USER NKEY SEED------\n"
    )
    return Account(config, creds)


def _signed(by: Any, of: Any, nats: dict[str, Any]) -> str:
    claims = {"iss": by.public_key.decode(), "sub": of.public_key.decode(), "iat": 1767225600, "name": nats["type"]}
    claims["nats"] = {**nats, "version": 2}
    claims["jti"] = base64.b32encode(sha256(json.dumps(claims).encode()).digest()).decode().rstrip("=")
    head = _base64(json.dumps({"typ": "JWT", "alg": "ed25519-nkey"}).encode())
    text = f"{head}.{_base64(json.dumps(claims).encode())}"
    return f"{text}.{_base64(by.sign(text.encode()))}"


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
