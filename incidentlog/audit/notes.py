"""Signed notes and the keys that sign them: C2SP signed-note, tlog-cosignature; what is signed is read byte by byte."""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

NOTE_BYTES: Final = 1_000_000
SIGNATURES: Final = 100
"""The most of a note, and of its signatures, that is looked at."""
ED25519: Final = 1
"""The kind of key that signs a note's text."""
COSIGNATURE: Final = 4
"""The kind that signs the text, and when it was seen (C2SP tlog-cosignature)."""
_KEY_BYTES: Final = 32
_ID_BYTES: Final = 4
_PRIVATE: Final = "PRIVATE+KEY+"


class NoteError(ValueError):
    """What is no note, no key, or not signed by whom it should be."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One line under a note: a key by name and id, and what it made of the text."""

    name: str
    key_id: bytes
    value: bytes

    @property
    def line(self) -> str:
        """The line, with its end."""
        return f"— {self.name} {base64.b64encode(self.key_id + self.value).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends with a newline, and the signatures under it."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(s.line for s in self.signatures)}"

    def signed_by(self, key: "Verifier") -> Signature:
        """The signature of a key. Raises NoteError when there is none, or one that does not verify."""
        for signature in self.signatures:
            if (signature.name, signature.key_id) == (key.name, key.key_id):
                key.verify(self.text, signature)
                return signature
        raise NoteError(f"the note is not signed by {key.name}+{key.key_id.hex()}")

    def and_also(self, signatures: Iterable[Signature]) -> "Note":
        """The note with more signatures; those it has already are not repeated."""
        return Note(self.text, tuple(dict.fromkeys((*self.signatures, *signatures))))


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with its name. `kind` is ED25519 or COSIGNATURE."""

    name: str
    kind: int
    public: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """From `name+id+base64`; raises NoteError for what is none, or says another id than it has."""
        parts = vkey.strip().split("+", 2)
        if len(parts) != 3:  # noqa: PLR2004 - the form's three parts
            raise NoteError("a verifier key has the form name+id+key")
        raw = unbase64(parts[2])
        if len(raw) != 1 + _KEY_BYTES or raw[0] not in {ED25519, COSIGNATURE}:
            raise NoteError("the verifier key is of a kind that is not known here")
        verifier = cls(parts[0], raw[0], raw[1:])
        if verifier.key_id.hex() != parts[1]:
            raise NoteError("the verifier key is damaged: its id is not that of the key")
        return verifier

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell keys of one name apart."""
        return sha256(f"{self.name}\n".encode() + bytes([self.kind]) + self.public).digest()[:_ID_BYTES]

    @property
    def vkey(self) -> str:
        """As it is published: `name+id+base64`."""
        key = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    def verify(self, text: str, signature: Signature) -> None:
        """Raises NoteError unless the signature is this key's on this text."""
        message, value = text.encode(), signature.value
        if self.kind == COSIGNATURE:
            message, value = cosigned(text, seen_at(signature)), value[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(value, message)
        except (InvalidSignature, ValueError):
            raise NoteError(f"the signature of {self.name} does not verify") from None


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with its name."""

    name: str
    kind: int
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_name(self.name)

    @classmethod
    def make(cls, name: str, kind: int = ED25519) -> Self:
        """A new key; raises NoteError for a name with white space or a plus."""
        return cls(name, kind, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def parse(cls, skey: str) -> Self:
        """From `PRIVATE+KEY+name+id+base64`, which Go's sumdb/note reads and writes too; raises NoteError."""
        text = skey.strip()
        parts = text.removeprefix(_PRIVATE).split("+", 2)
        if not text.startswith(_PRIVATE) or len(parts) != 3:  # noqa: PLR2004 - the form's three parts
            raise NoteError("a signing key has the form PRIVATE+KEY+name+id+key")
        raw = unbase64(parts[2])
        if len(raw) != 1 + _KEY_BYTES or raw[0] not in {ED25519, COSIGNATURE}:
            raise NoteError("the signing key is of a kind that is not known here")
        signer = cls(parts[0], raw[0], raw[1:])
        if signer.verifier.key_id.hex() != parts[1]:
            raise NoteError("the signing key is damaged: its id is not that of the key")
        return signer

    @property
    def skey(self) -> str:
        """As it is kept; a secret."""
        key = base64.b64encode(bytes([self.kind]) + self.seed).decode()
        return f"{_PRIVATE}{self.name}+{self.verifier.key_id.hex()}+{key}"

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return Verifier(self.name, self.kind, public)

    def sign(self, text: str) -> Signature:
        """Sign a note's text, which ends with a newline."""
        return self._signature(text.encode(), b"")

    def cosign(self, text: str, at: int) -> Signature:
        """Sign that a tree head was seen at a time (seconds since the epoch) and fits all that was seen before."""
        assert self.kind == COSIGNATURE  # noqa: S101 - the other kind signs without a time
        return self._signature(cosigned(text, at), at.to_bytes(8, "big"))

    def _signature(self, message: bytes, before: bytes) -> Signature:
        value = Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)
        return Signature(self.name, self.verifier.key_id, before + value)


def cosigned(text: str, at: int) -> bytes:
    """What a cosignature signs."""
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def seen_at(signature: Signature) -> int:
    """When a cosigner says it saw the tree head, in seconds since the epoch."""
    return int.from_bytes(signature.value[:8], "big")


def parse_note(raw: bytes) -> Note:
    """A note from its bytes, which are kept as they are; raises NoteError for what is none. Nothing is verified."""
    if len(raw) > NOTE_BYTES:
        raise NoteError(f"a note may have {NOTE_BYTES} bytes")
    try:
        whole = raw.decode()
    except UnicodeDecodeError:
        raise NoteError("a note is UTF-8") from None
    if any(c < " " and c != "\n" for c in whole):
        raise NoteError("a note has no control characters")
    text, gap, under = whole.rpartition("\n\n")
    if not gap or not under.endswith("\n"):
        raise NoteError("a note is a text, an empty line, and signatures")
    # Not splitlines(), which splits on U+2028 too.
    return Note(text + "\n", parse_signatures(under))


def parse_signatures(lines: str) -> tuple[Signature, ...]:
    """Signature lines, each with its end; raises NoteError."""
    found: list[Signature] = []
    for line in lines.removesuffix("\n").split("\n"):
        dash, _, rest = line.partition(" ")
        name, _, value = rest.partition(" ")
        if dash != "—":
            raise NoteError("a signature line starts with an em dash")
        _check_name(name)
        raw = unbase64(value)
        if len(raw) <= _ID_BYTES:
            raise NoteError("a signature has its key's id and a value")
        found.append(Signature(name, raw[:_ID_BYTES], raw[_ID_BYTES:]))
        if len(found) > SIGNATURES:
            raise NoteError(f"a note may have {SIGNATURES} signatures")
    return tuple(found)


def unbase64(text: str) -> bytes:
    """Base 64 in its one form, with its padding; raises NoteError for any other."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError("this is not base 64") from None
    if base64.b64encode(raw).decode() != text:
        raise NoteError("this is not base 64 as it is written")
    return raw


def _check_name(name: str) -> None:
    if not name or "+" in name or re.search(r"\s", name) or not name.isprintable():
        raise NoteError(f"{name!r} cannot name a key: no white space, no plus")


@dataclass(frozen=True, slots=True)
class TreeHead:
    """How large a log was, and what its tree then hashed to (C2SP tlog-checkpoint)."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """From a note's text; lines after the third are others' business. Raises NoteError."""
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not all(lines[:-1]):  # noqa: PLR2004 - three lines and an end
            raise NoteError("a tree head has an origin, a size and a root")
        size, root = lines[1], unbase64(lines[2])
        if not re.fullmatch(r"0|[1-9][0-9]{0,18}", size, re.ASCII) or len(root) != sha256().digest_size:
            raise NoteError("a tree head has a decimal size and a root of 32 bytes")
        return cls(lines[0], int(size), root)


def open_head(raw: bytes, keys: Sequence[Verifier]) -> tuple[TreeHead, Note]:
    """A signed tree head, which one of the keys, named as its origin, signed; raises NoteError."""
    note = parse_note(raw)
    head = TreeHead.parse(note.text)
    for key in keys:
        if key.name == head.origin and any((s.name, s.key_id) == (key.name, key.key_id) for s in note.signatures):
            note.signed_by(key)
            return head, note
    raise NoteError(
        f"the tree head of {head.origin!r} is signed by none of {', '.join(k.name for k in keys) or 'no key'}"
    )
