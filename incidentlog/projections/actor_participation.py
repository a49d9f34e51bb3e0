"""Who took part in what, as what, and who sat with whom."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from incidentlog.events.envelope import Actor, Role
from incidentlog.events.values import Occurred
from incidentlog.folding.domains import ACTOR, STATE, literal
from incidentlog.folding.local_days import counts_from
from incidentlog.folding.shapes import Contribution, Key, Tally, projection
from incidentlog.folding.subject import Subject
from incidentlog.subjects.contact import Contact
from incidentlog.subjects.talk import PRINCIPALS, Talk, state_of

TABLE: Final = 40
"""The most who are paired at one meeting; of a larger one, only its principals."""


@projection("actor_participation", version=2)
class ActorParticipation(Tally):
    """Actors by role, month and category; and who sat with whom, in talks that were held and on visits.

    `participations` are the subjects that name an actor, one for each role. `met` are meetings, one for each other
    who sat there: group by `actor,with` to see whom. Who was in the same talk and not at the same table (the parties
    of proximity talks, Ukraine and Russia where they did not meet directly) did not meet. `unpaired` are those at a
    table too large to pair everyone.
    """

    dimensions = ("actor", "role", "with", "state", "category", "day", "week", "month", "verification")
    domains = {"actor": ACTOR, "role": literal(Role), "with": ACTOR, "state": STATE}
    measures = ("participations", "met", "unpaired")
    group_by = ("actor", "role", "month", "category")
    rollups = (
        ("actor", "role", "month", "category"),
        ("actor", "role", "with", "state", "category"),
        ("actor", "role", "with", "state", "category", "month", "verification"),
    )

    def contributions(self, subject: Subject) -> Iterator[Contribution]:
        """A line for each actor and role, and one for each whom it met."""
        if not subject.is_current or subject.since is None:
            return
        for actor in subject.actors:
            yield Contribution(subject.since, _who(subject, actor, None, subject.days), TOOK_PART)
        held = _held(subject)
        if held is None:
            return
        occurred, everyone = held
        at, days, seated = counts_from(subject, occurred), subject.buckets(occurred).values, _seated(everyone)
        for actor in everyone if len(seated) < len(everyone) else ():
            if actor not in seated:
                yield Contribution(at, _who(subject, actor, None, days), UNPAIRED)
        for actor in seated:
            for other in seated:
                if actor is not other and _at_one_table(subject, actor, other):
                    yield Contribution(at, _who(subject, actor, other.code, days), MET)


TOOK_PART, MET, UNPAIRED = (1, 0, 0), (0, 1, 0), (0, 0, 1)


def _who(subject: Subject, actor: Actor, other: str | None, days: Iterable[str | None]) -> Key:
    category = subject.stream.partition(":")[0]
    return (actor.code, actor.role, other, state_of(actor.code), category, *days, subject.verification)


def _held(subject: Subject) -> tuple[Occurred, Sequence[Actor]] | None:
    """When people sat together, and who: each once, in the role given first."""
    match subject:
        case Talk(held=Occurred() as occurred, participants=actors):
            pass
        case Contact(held=Occurred() as occurred, actors=actors, mode="visit"):
            pass
        case _:
            return None
    return occurred, list({actor.code: actor for actor in reversed(actors)}.values())[::-1]


def _seated(actors: Sequence[Actor]) -> Sequence[Actor]:
    return actors if len(actors) <= TABLE else [a for a in actors if a.role in PRINCIPALS][:TABLE]


def _at_one_table(subject: Subject, one: Actor, other: Actor) -> bool:
    if not isinstance(subject, Talk):
        return True
    if {state_of(one.code), state_of(other.code)} == {"UKR", "RUS"} and not subject.direct_ua_ru:
        return False
    return subject.format != "proximity" or not one.role == other.role == "party"
