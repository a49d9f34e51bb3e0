"""Every event by local day; those that were retracted are struck out, and not gone."""

from collections.abc import Iterable, Iterator, Mapping

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
