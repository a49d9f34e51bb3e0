"""What corrections make of single events: retractions and amendments, and what was said of these (R1 to R3).

Events are taken in one after the other. One more judges again only what it speaks of, and what that speaks of: a long
stream is not gone through for each correction.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import chain
from typing import Any, Final, Self
from uuid import UUID

from incidentlog.events.about import is_record_event
from incidentlog.events.envelope import Envelope, ResolvedPlace
from incidentlog.events.record import RecordAmended, RecordRetracted, Targeting
from incidentlog.events.recorded import AnyEffective, Effective, Recorded, read_envelope
from incidentlog.folding.subject import Entry, Ignored, Status

UNAMENDED: Final = frozenset({"record.retracted", "record.merged"})
"""Types that are retracted, and not amended."""

Amendment = tuple[Recorded, RecordAmended]
"""An amendment, and what it says by those of its own."""


@dataclass
class Corrections:
    """Some events, in position order, and what each of them is once the corrections among them were applied."""

    level: int | None = None
    """The marking from which they are seen; None where it is all that is known, whatever its marking."""
    events: list[Recorded] = field(default_factory=list)
    bodies: dict[UUID, AnyEffective] = field(default_factory=dict)
    """Of those that fit and that nothing takes back, what they say."""
    amended: set[UUID] = field(default_factory=set)
    ignored: dict[int, list[tuple[str, Ignored]]] = field(default_factory=dict)
    """What does not fit, with its stream, by the position of the event that was judged."""
    out_of_order: bool = False
    """Whether something was said of an event before it came: the door refuses that, and a log may hold it."""
    _known: dict[UUID, Recorded] = field(default_factory=dict)
    _takers: dict[UUID, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    """By event the retractions of it that count."""
    _patches: dict[UUID, list[Amendment]] = field(default_factory=lambda: defaultdict(list))
    """By event the amendments of it that count, in position order."""
    _said: dict[UUID, RecordRetracted | RecordAmended] = field(default_factory=dict)
    """By correction what of it counts."""
    _awaited: set[UUID] = field(default_factory=set)
    """Of what was spoken and is not known."""

    @classmethod
    def of(cls, events: Sequence[Recorded], level: int | None = None) -> Self:
        """All of some events at once."""
        self = cls(level, list(events))
        self._known = {e.event_id: e for e in events}
        for e in reversed(events):  # only a later event can correct an earlier one
            self._judge(e)
            self._note_order(e)
        return self

    def add(self, e: Recorded) -> list[Recorded]:
        """Take in one more, the last by now; the events that it makes other ones, and itself."""
        self.out_of_order |= e.event_id in self._awaited
        self.events.append(e)
        self._known[e.event_id] = e
        self._note_order(e)
        changed: dict[UUID, Recorded] = {}
        waiting = [(-e.position, e.event_id)]
        while waiting:
            _, event_id = heappop(waiting)
            if event_id in changed:
                continue
            changed[event_id] = self._known[event_id]
            for target in self._judge(self._known[event_id]):
                if target in self._known:
                    heappush(waiting, (-self._known[target].position, target))
        return list(changed.values())

    def join(self, others: Sequence["Corrections"]) -> None:
        """Take in the events of others as they were judged there: none of them speaks of another one's."""
        self.events = sorted(chain(self.events, *(other.events for other in others)), key=lambda e: e.position)
        for other in others:
            self.bodies |= other.bodies
            self.amended |= other.amended
            self.ignored |= other.ignored
            self.out_of_order |= other.out_of_order
            self._known |= other._known
            self._takers |= other._takers
            self._patches |= other._patches
            self._said |= other._said
            self._awaited |= other._awaited

    @property
    def awaits(self) -> bool:
        """Whether something is said of an event that is not known, or was not when it was said."""
        return bool(self._awaited)

    def counts(self, e: Recorded) -> bool:
        """Whether it fits, and nothing takes it back."""
        return e.event_id in self.bodies and not self._takers.get(e.event_id)

    def status(self, e: Recorded) -> Status:
        """Whether an event counts."""
        if self._takers.get(e.event_id):
            return "retracted"
        return "amended" if e.event_id in self.amended else "effective"

    def entry(self, e: Recorded) -> Entry:
        """What is listed of an event. Only of one that fits today's rules."""
        body, status = self.bodies.get(e.event_id), self.status(e)
        assert e.envelope is not None  # noqa: S101 - asked of events that parse
        occurred = body.envelope.occurred if body else e.envelope.occurred
        entry: Entry | None = e.made.get(status)
        if entry is None or entry.occurred is not occurred:
            entry = Entry.of_event(e, occurred, status)
            e.made[status] = entry
        return entry

    def _note_order(self, e: Recorded) -> None:
        data = e.envelope.data if is_record_event(e.type) and e.envelope is not None else None
        target = data.target if isinstance(data, Targeting) else None
        if target is not None and target not in self._known:
            self._awaited.add(target)
        elif target is not None and self._known[target].position >= e.position:
            self.out_of_order = True

    def _judge(self, e: Recorded) -> list[UUID]:
        """Say what an event is, by all that later ones say of it; answers of which it now says something else."""
        before = self._said.pop(e.event_id, None)
        self.ignored.pop(e.position, None)
        self.amended.discard(e.event_id)
        self.bodies.pop(e.event_id, None)
        now = None
        if not self._takers.get(e.event_id):
            body = self._amend(e, self._patches.get(e.event_id, ()))
            if body is None:
                self._ignore(e, e, "it was erased" if e.body is None else "it does not fit today's rules")
            else:
                self.bodies[e.event_id] = body
                now = self._saying(e, body)
        if now is not None:
            self._said[e.event_id] = now
        if now is before:
            return []
        return [self._say(e, said, holds=said is now) for said in (before, now) if said is not None]

    def _saying(self, e: Recorded, body: AnyEffective) -> RecordRetracted | RecordAmended | None:
        match body.data:
            case RecordRetracted() as retraction:
                return retraction
            case RecordAmended(target=target) if target in self._known and self._known[target].type in UNAMENDED:
                self._ignore(e, e, f"a {self._known[target].type} is retracted, not amended")
                return None
            case RecordAmended() as amendment:
                return amendment
            case _:
                return None

    def _say(self, e: Recorded, said: RecordRetracted | RecordAmended, *, holds: bool) -> UUID:
        """Let what a correction says hold, or hold no more; answers of which event it speaks."""
        if isinstance(said, RecordRetracted):
            takers = self._takers[said.target]
            (takers.add if holds else takers.discard)(e.event_id)
            return said.target
        patches = self._patches[said.target]
        at = bisect_left(patches, e.position, key=lambda patch: patch[0].position)
        patches[at : at if holds else at + 1] = [(e, said)] if holds else []
        return said.target

    def _amend(self, e: Recorded, told: Sequence[Amendment]) -> AnyEffective | None:
        if e.envelope is None:
            return None
        if not told:
            return Effective(e, e.envelope, e.place, absorbed=False)
        patched: _Patched = e.made.get(("patched", self.level)) or _Patched.unpatched(e)
        if not patched.begins(told):
            patched = _Patched.unpatched(e)
        for amendment, said in told[len(patched.told) :]:
            patched = patched.by(e, amendment, said)
        e.made["patched", self.level] = patched
        for amendment in patched.unfit:
            self._ignore(e, amendment, "the amended event would not be valid")
        if len(patched.unfit) < len(told):
            self.amended.add(e.event_id)
        return Effective(e, patched.envelope, patched.place, absorbed=False)

    def _ignore(self, judged: Recorded, e: Recorded, reason: str) -> None:
        ignored = e.stream, Ignored(event=e.event_id, type=e.type, reason=reason)
        self.ignored.setdefault(judged.position, []).append(ignored)


@dataclass(frozen=True, slots=True)
class _Patched:
    """An event by what some amendments make of it, one after the other."""

    told: tuple[Amendment, ...]
    unfit: tuple[Recorded, ...]
    """Those after which it would not be valid: they change nothing."""
    raw: Mapping[str, Any]
    envelope: Envelope[Any]
    zone_data: str | None
    place: ResolvedPlace | None

    @classmethod
    def unpatched(cls, e: Recorded) -> Self:
        """As it was sent. Only of an event that fits today's rules."""
        assert e.envelope is not None  # noqa: S101 - asked before
        return cls((), (), e.raw, e.envelope, e.zone_data, e.place)

    def begins(self, told: Sequence[Amendment]) -> bool:
        """Whether these amendments are its own, and perhaps more."""
        return len(self.told) <= len(told) and all(
            a is b and said is now for (a, said), (b, now) in zip(self.told, told, strict=False)
        )

    def by(self, e: Recorded, amendment: Recorded, said: RecordAmended) -> Self:
        """The event by one amendment more."""
        told = (*self.told, (amendment, said))
        patch = said.patch.model_dump(mode="json", exclude_unset=True)
        raw = {**self.raw, **{k: merge_patch(self.raw.get(k), v) for k, v in patch.items()}}
        # Dates are meant by the zone data of what said them last: a patch of `occurred` or `data` says them all.
        zone_data = amendment.zone_data if patch.keys() & {"occurred", "data"} else self.zone_data
        envelope = read_envelope(e.type, raw, e.registry, zone_data)
        if envelope is None:
            return replace(self, told=told, unfit=(*self.unfit, amendment))
        place = self.place
        if "place" in patch:
            place = amendment.place if envelope.place is not None else None
        return replace(self, told=told, raw=raw, envelope=envelope, zone_data=zone_data, place=place)


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396: null removes a member, an object is merged into an object, anything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged
