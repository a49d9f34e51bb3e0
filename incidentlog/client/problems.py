"""What goes wrong, as exceptions: the service's own refusals, and what happens on the way to it."""

from collections.abc import Mapping
from typing import Any, Final

from incidentlog.errors import PROBLEMS, Fault, Problem

BY_SLUG: Final[Mapping[str, type[Problem]]] = {problem.slug: problem for problem in PROBLEMS}
"""The class of each refusal: the very classes that the service raises, so both sides always know the same."""


class UnreachableError(Exception):
    """No service answers there, however often it was tried within the time given. What was sent may have arrived."""


class NotOursError(Exception):
    """Something answers there, but not as this service does."""


class EndedError(Exception):
    """The service closed a subscription for good: coming back is of no use. `code` is the close code.

    See docs/live-protocol.md.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the service ended the subscription ({code}): {reason or 'it does not say why'}")
        self.code = code
        self.reason = reason


def problem_of(said: Mapping[str, Any], status: int = 500) -> Problem:
    """The exception of a refusal: of a problem+json, or of the live protocol's `error`.

    A slug that this version does not know makes a Problem with that slug. Members that are not RFC 9457's are in
    `extra`, such as `current_version`, `trace_id`.
    """
    slug = str(said.get("code") or said.get("type") or "").rpartition("/")[2]
    kind = BY_SLUG.get(slug) or _unknown(slug, said.get("status", status), said.get("title"))
    told = said.get("errors")
    faults = [_fault(fault) for fault in told if isinstance(fault, dict)] if isinstance(told, list) else []
    extra = {k: v for k, v in said.items() if k not in {"type", "title", "status", "detail", "errors", "code", "id"}}
    return kind(str(said.get("detail") or ""), errors=faults, **extra)


def _unknown(slug: str, status: Any, title: Any) -> type[Problem]:
    members = {"slug": slug or "unknown", "status": status, "title": str(title or f"The service answered {status}")}
    return type("UnknownProblem", (Problem,), {"__doc__": "A refusal that this version does not know.", **members})


def _fault(said: Mapping[str, Any]) -> Fault:
    line = said.get("line")
    pointer, code, detail = (str(said.get(name, "")) for name in ("pointer", "code", "detail"))
    return Fault(pointer, code, detail, line if isinstance(line, int) else None)
