"""Every event by local day; those that were retracted are struck out, and not gone."""

from collections.abc import Iterable, Iterator, Mapping

from incidentlog.folding.domains import TIME, instant_text
from incidentlog.folding.local_days import counts_from
from incidentlog.folding.shapes import Contribution, Row, Tally, projection
from incidentlog.folding.subject import Entry, Subject
from incidentlog.folding.whereabouts import WHERE, place_names, whereabouts


@projection("daily_timeline", version=3)
class DailyTimeline(Tally):
    """Events by local day, with their type, their stream and whether they are effective, amended or retracted.

    One known to the month is in no day's rows (E12). `ignored` are effective, and did not fit what their subject was.
    """

    dimensions = ("day", "week", "month", "occurred", "event", "type", "category", "stream", *WHERE)
    domains = {"occurred": TIME}
    measures = ("events", "amended", "retracted", "ignored")
    group_by = ("day", "occurred", "event", "type", "stream")
    rollups = (("day", "week", "month"), ("type", "category"))

    def contributions(self, subject: Subject) -> Iterator[Contribution]:
        """One line for each event, also of a subject of which nothing is left."""
        return self._lines(subject, subject.entries)

    def added(self, before: Subject, after: Subject) -> Iterator[Contribution] | None:
        """The lines of the events that came last, where those before them are what they were."""
        new = after.added_to(before, "place", "zone", "since", "occurred", "ignored")
        return None if new is None else self._lines(after, new)

    def _lines(self, subject: Subject, entries: Iterable[Entry]) -> Iterator[Contribution]:
        unfit = {i.event for i in subject.ignored}
        for entry in entries:
            at, buckets = counts_from(subject, entry.occurred), subject.buckets(entry.occurred)
            struck = entry.status == "retracted"
            yield Contribution(
                at=at,
                dimensions={
                    "day": buckets.day,
                    "week": buckets.week,
                    "month": buckets.month,
                    "occurred": instant_text(entry.occurred.since),
                    "event": str(entry.event),
                    "type": entry.type,
                    "category": subject.stream.partition(":")[0],
                    "stream": subject.stream,
                    **whereabouts(subject.place),
                },
                measures={
                    "events": int(not struck),
                    "amended": int(entry.status == "amended"),
                    "retracted": int(struck),
                    "ignored": int(not struck and entry.event in unfit),
                },
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
