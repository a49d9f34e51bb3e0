"""Every event by local day; those that were retracted are struck out, and not gone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from incidentlog.folding.domains import TIME, instant_text
from incidentlog.folding.local_days import counts_from
from incidentlog.folding.shapes import Contribution, Row, Tally, projection
from incidentlog.folding.subject import Entry, Subject
from incidentlog.folding.whereabouts import WHERE, place_names, whereabouts


@projection("daily_timeline", version=4)
class DailyTimeline(Tally):
    """Events by local day, with their type, their stream and whether they are effective, amended or retracted.

    One known to the month is in no day's rows (E12). `ignored` are effective, and did not fit what their subject was.
    """

    dimensions = ("day", "week", "month", "occurred", "event", "type", "category", "stream", *WHERE)
    domains = {"occurred": TIME}
    measures = ("events", "amended", "retracted", "ignored")
    group_by = ("day", "occurred", "event", "type", "stream")
    rollups = (
        ("day", "week", "month"),
        ("type", "category"),
        ("month", "type", "category", "admin1", "country"),
        ("day", "week", "month", "type", "category"),
        ("day", "week", "month", "admin1", "country"),
    )

    def contributions(self, subject: Subject) -> Iterator[Contribution]:
        """One line for each event, also of a subject of which nothing is left."""
        return self._lines(subject, subject.entries)

    def added(self, before: Subject, after: Subject) -> Iterator[Contribution] | None:
        """The lines of the events that came last, and of those that are another now, less what they were."""
        known = len(before.entries)
        if (before.place, before.zone) != (after.place, after.zone) or known > len(after.entries):
            return None
        moved = {i.event for i in {*before.ignored} ^ {*after.ignored}}
        first = [s.occurred for s in (before, after) if s.occurred is not None and s.since != s.occurred.since]
        if not moved and not first and after.entries[:known] == before.entries:
            return self._lines(after, after.entries[known:])
        pairs = [
            (was, now)
            for was, now in zip(before.entries, after.entries, strict=False)
            if (was is not now and was != now) or was.event in moved or now.occurred in first
        ]
        return self._instead(before, after, pairs)

    def _instead(self, before: Subject, after: Subject, pairs: Sequence[tuple[Entry, Entry]]) -> Iterator[Contribution]:
        for line in self._lines(before, [was for was, _ in pairs]):
            yield line._replace(amounts=tuple(-amount for amount in line.amounts))
        yield from self._lines(after, [*(now for _, now in pairs), *after.entries[len(before.entries) :]])

    def _lines(self, subject: Subject, entries: Iterable[Entry]) -> Iterator[Contribution]:
        unfit = {i.event for i in subject.ignored} if subject.ignored else ()
        where, category = whereabouts(subject.place), subject.stream.partition(":")[0]
        for entry in entries:
            occurred, struck = entry.occurred, entry.status == "retracted"
            what = (instant_text(occurred.since), str(entry.event), entry.type, category, subject.stream)
            yield Contribution(
                counts_from(subject, occurred),
                (*subject.buckets(occurred).values, *what, *where),
                (
                    int(not struck),
                    int(entry.status == "amended"),
                    int(struck),
                    int(not struck and entry.event in unfit),
                ),
            )

    def row(self, key: Mapping[str, str | None], sums: Mapping[str, int]) -> Row:
        """The counts; of one event also its status, and whether it is struck out."""
        if "event" not in key:
            return dict(sums)
        status = "retracted" if sums["retracted"] else "amended" if sums["amended"] else "effective"
        return {**sums, "status": status, "struck_out": status == "retracted"}

    def names(self, subject: Subject) -> Mapping[tuple[str, str], str]:
        """What places and regions are called."""
        return place_names(subject.place)
