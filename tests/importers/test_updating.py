import orjson

from incidentlog.importers.making import Made
from incidentlog.importers.mapping import Mapping
from incidentlog.importers.updating import Comparison
from tests.importers.rowing import OWN, events_of, made_from, mapping_of

HEADER = "id,date,place,killed\n"
FIRST = HEADER + "1,1.2.2025,Odesa,1\n2,1.2.2025,Kyiv,2\n3,2.2.2025,Lviv,3\n"


class Log:
    """What a log would list: events as they were sent, and whether they count."""

    def __init__(self) -> None:
        self.events: list[dict] = []

    def append(self, events: list[dict]) -> None:
        for event in orjson.loads(orjson.dumps(events)):
            assert event["id"] not in {e["id"] for e in self.events}
            self.events.append({"status": "effective", "actors": [], **event})
            if event["type"] == "record.retracted":
                for e in self.events:
                    if e["id"] == event["data"]["target"]:
                        e["status"] = "retracted" if e["status"] == "effective" else "effective"

    def compare(self, mapping: Mapping, release: str = "the release") -> Comparison:
        compared = Comparison(mapping, release)
        for event in self.events:
            compared.learn(event)
        return compared


def released(
    log: Log, mapping: Mapping, folder, text: str, *, retract: bool = True
) -> tuple[dict[str, int], list[dict]]:
    """Bring a release in; the four numbers, and what was sent."""
    compared = log.compare(mapping)
    rows: list[Made] = made_from(mapping, folder, text)
    for made in rows:
        compared.judge(made)
    sent = [*events_of(rows), *compared.vanished(retract=retract)]
    log.append(sent)
    return {kind: n for kind, n in compared.counts.items() if n}, sent


def test_the_same_release_again_changes_nothing(tmp_path):
    log = Log()
    assert released(log, mapping_of(), tmp_path, FIRST)[0] == {"new": 3}
    assert released(log, mapping_of(), tmp_path, FIRST) == ({"unchanged": 3}, [])


def test_only_the_fields_that_changed_are_amended(tmp_path):
    log = Log()
    released(log, mapping_of(), tmp_path, FIRST)
    counts, sent = released(
        log, mapping_of(), tmp_path, HEADER + "1,1.2.2025,Odesa,4\n2,1.2.2025,Kyiv,\n3,2.2.2025,LVIV ,3\n"
    )
    assert counts == {"changed": 2, "unchanged": 1}
    assert [event["data"]["patch"] for event in sent] == [
        {"data": {"casualties": {"killed": {"best": 4}}}},
        {"data": {"casualties": None}},
    ]
    assert {event["type"] for event in sent} == {"record.amended"}
    assert sent[0]["external_ids"] == [{"scheme": "ours", "id": "1"}]


def test_a_third_release_is_compared_with_the_second_and_may_go_back_to_the_first(tmp_path):
    log = Log()
    second = FIRST.replace("Odesa,1", "Odesa,9")
    for text, counts in (
        (FIRST, {"new": 3}),
        (second, {"changed": 1, "unchanged": 2}),
        (FIRST, {"changed": 1, "unchanged": 2}),
    ):
        assert released(log, mapping_of(), tmp_path, text)[0] == counts
        assert released(log, mapping_of(), tmp_path, text)[1] == []


def test_what_is_gone_is_retracted_and_what_comes_back_is_there_again(tmp_path):
    log = Log()
    released(log, mapping_of(), tmp_path, FIRST)
    fewer = FIRST.replace("2,1.2.2025,Kyiv,2\n", "")
    counts, sent = released(log, mapping_of(), tmp_path, fewer)
    assert counts == {"unchanged": 2, "vanished": 1}
    assert (sent[0]["type"], sent[0]["data"]["reason"]) == (
        "record.retracted",
        "the release: the row is no longer there",
    )
    assert released(log, mapping_of(), tmp_path, fewer)[0] == {"unchanged": 2}
    counts, (back,) = released(log, mapping_of(), tmp_path, FIRST)
    assert (counts, back["data"]["target"]) == ({"changed": 1, "unchanged": 2}, sent[0]["id"])
    assert released(log, mapping_of(), tmp_path, fewer)[0] == {"unchanged": 2, "vanished": 1}


def test_what_is_gone_may_only_be_listed(tmp_path):
    log = Log()
    released(log, mapping_of(), tmp_path, FIRST)
    counts, sent = released(log, mapping_of(), tmp_path, HEADER + "1,1.2.2025,Odesa,1\n", retract=False)
    assert (counts, sent) == ({"unchanged": 1, "vanished": 2}, [])


def test_a_row_that_cannot_be_read_is_not_gone_and_one_that_comes_twice_is_told(tmp_path):
    log = Log()
    released(log, mapping_of(), tmp_path, FIRST)
    compared = log.compare(mapping_of())
    rows = made_from(mapping_of(), tmp_path, FIRST.replace("Kyiv,2", "Kyiv,many") + "1,1.2.2025,Odesa,5\n")
    for made in rows:
        compared.judge(made)
    assert list(compared.vanished(retract=True)) == []
    assert [f.reason for f in rows[-1].faults] == ["an earlier row of the release has this id"]


def test_what_others_retracted_and_amended_is_left_as_it_is(tmp_path):
    log = Log()
    released(log, mapping_of(), tmp_path, FIRST)
    others = {"id": "x", "type": "record.retracted", "data": {"target": log.events[0]["id"], "reason": "r"}}
    log.append([others])
    log.events = [
        event for event in log.events if event["id"] != "x"
    ]  # it has no id of the scheme: the filter leaves it out
    assert released(log, mapping_of(), tmp_path, FIRST.replace("Odesa,1", "Odesa,7")) == ({"unchanged": 3}, [])


def test_members_that_do_not_count_change_nothing_and_come_with_nothing(tmp_path):
    mapping = mapping_of(OWN + '\n[update]\nignore = ["place.name"]\n')
    log = Log()
    released(log, mapping, tmp_path, FIRST)
    counts, sent = released(log, mapping, tmp_path, FIRST.replace("Odesa,1", "Odessa,1").replace("Kyiv,2", "Kiev,5"))
    assert counts == {"changed": 1, "unchanged": 2}
    assert [event["data"]["patch"] for event in sent] == [{"data": {"casualties": {"killed": {"best": 5}}}}]
