"""A proof that stands by itself: that an event is in the log that somebody signed (C2SP tlog-proof)."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from incidentlog.audit.leaf import Leaf, parse_leaf
from incidentlog.audit.merkle import check_inclusion, leaf_hash
from incidentlog.audit.notes import NoteError, TreeHead, Verifier, open_head, unbase64

HEADER: Final = "c2sp.org/tlog-proof@v1"
MEDIA_TYPE: Final = "text/plain"


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """The leaf at an index of a signed tree. The leaf travels as the format's extra data."""

    leaf: bytes
    index: int
    path: Sequence[bytes]
    note: str

    def __str__(self) -> str:
        lines = [HEADER, f"extra {base64.b64encode(self.leaf).decode()}", f"index {self.index}"]
        lines += [base64.b64encode(h).decode() for h in self.path]
        return "\n".join(lines) + f"\n\n{self.note}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """From the text of a `.tlog-proof` that has the leaf with it; raises NoteError. Nothing is verified."""
        above, gap, note = text.partition("\n\n")
        header, *lines = above.split("\n")
        if header != HEADER or not gap or len(lines) < 2:  # noqa: PLR2004 - the leaf and its index
            raise NoteError("this is no proof in the format c2sp.org/tlog-proof@v1, with its leaf")
        extra, index, *path = lines
        told = re.fullmatch(r"index (0|[1-9][0-9]{0,15})", index, re.ASCII)
        if not extra.startswith("extra ") or told is None:
            raise NoteError("a proof of ours says its leaf as `extra`, and then its index")
        return cls(unbase64(extra.removeprefix("extra ")), int(told[1]), [unbase64(h) for h in path], note)

    def check(self, keys: Sequence[Verifier]) -> tuple[Leaf, TreeHead]:
        """What is proven, by one of the keys. Raises NoteError or ProofError (both ValueErrors) if it is not."""
        head, _ = open_head(self.note.encode(), keys)
        leaf = parse_leaf(self.leaf)
        if leaf.position != self.index + 1:
            raise NoteError(f"the leaf says position {leaf.position}, and stands at {self.index + 1}")
        check_inclusion(leaf_hash(self.leaf), self.index, head.size, self.path, head.root)
        return leaf, head
