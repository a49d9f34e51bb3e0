"""What cannot both be true: what was signed, and what the database says now."""

import base64
from collections.abc import Sequence
from typing import Any, Self

from incidentlog.audit.notes import TreeHead


class Contradiction(Exception):  # noqa: N818 - what it is
    """The log is not what it was. `first` and `last` are the positions between which it begins."""

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        first: int | None = None,
        last: int | None = None,
        leaf: bytes | None = None,
        sealed: bytes | None = None,
        proof: Sequence[bytes] = (),
        found: TreeHead | None = None,
    ) -> None:
        """`leaf` is what the rows say now, `sealed` the hash of what they said; `proof` shows that it was signed.

        `found` is the tree head that would have to be signed now.
        """
        super().__init__(detail)
        self.kind, self.detail, self.first, self.last = kind, detail, first, last or first
        self.leaf, self.sealed, self.proof, self.found = leaf, sealed, proof, found
        self.known = False
        """Whether it was found before, by somebody else."""

    @classmethod
    def at(
        cls,
        first: int,
        last: int,
        signed: TreeHead | None,
        *,
        leaf: bytes | None,
        sealed: bytes | None,
        root: bytes | None = None,
        proof: Sequence[bytes] = (),
    ) -> Self:
        """Events were changed since they were signed."""
        where = f"position {first}" if first == last else f"positions {first} to {last}"
        found = None if signed is None or root is None else TreeHead(signed.origin, signed.size, root)
        detail = f"{where}: not what was sealed"
        return cls("changed", detail, first=first, last=last, leaf=leaf, sealed=sealed, proof=proof, found=found)

    @classmethod
    def again(cls, evidence: dict[str, Any]) -> Self:
        """One whose evidence lies there already."""
        made = cls(
            str(evidence.get("kind", "unknown")),
            str(evidence.get("detail", "there is evidence of a contradiction")),
            first=evidence.get("first"),
            last=evidence.get("last"),
        )
        made.known = True
        return made

    def told(self, signed: str | None) -> dict[str, Any]:
        """All that is known of it; `signed` is the last note that was signed."""
        told: dict[str, Any] = {"kind": self.kind, "detail": self.detail, "first": self.first, "last": self.last}
        told |= {"signed": signed, "found": None if self.found is None else self.found.text}
        if self.leaf is not None:
            told["leaf"] = self.leaf.decode()
        if self.sealed is not None:
            told["sealed_leaf_hash"] = base64.b64encode(self.sealed).decode()
        if self.proof:
            told["sealed_leaf_proof"] = [base64.b64encode(h).decode() for h in self.proof]
        return told
