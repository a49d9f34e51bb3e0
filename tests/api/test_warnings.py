"""What will be ignored is appended, and its answer says so."""

import inspect
from typing import Any
from uuid import uuid4

import orjson
import pytest

from incidentlog.folding.subject import Subject
from tests.api.serving import Answer, Served, make_key
from tests.commands import retraction, strike

DAY = {"start": "2025-11-19", "precision": "day", "tz": "Europe/Kyiv"}
SOURCE = strike()["sources"][0]


def event(type_name: str, stream: str, on: str = "2025-11-19", **data: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()), "type": type_name, "stream": stream, "occurred": {**DAY, "start": on}, "sources": [SOURCE],
        "data": data,
    }  # fmt: skip


def merge(survivor: str, *absorbed: str) -> dict[str, Any]:
    return {"type": "record.merged", "data": {"survivor": survivor, "absorbed": list(absorbed), "reason": "r"}}


def amended(target: dict[str, Any], **patch: Any) -> dict[str, Any]:
    return {"type": "record.amended", "data": {"target": target["id"], "patch": patch, "reason": "r"}}


def retracted(target: dict[str, Any]) -> dict[str, Any]:
    return retraction(target["id"]) | {"id": str(uuid4())}


def warnings(answer: Answer) -> list[tuple[str, str]]:
    """Each warning's code and pointer, of an event that is appended all the same."""
    assert answer.status == 201, answer
    told = answer.json.get("warnings", [])
    assert all(w["detail"] for w in told)
    return [(w["code"], w["pointer"]) for w in told]


async def test_a_merge_into_itself_in_a_cycle_or_once_more_is_taken_with_a_warning(service: Served):
    await service.add(*(event("alert.declared", f"alert:{name}", level="oblast") for name in "abc"))
    assert warnings(await service.post(merge("alert:a", "alert:a"))) == [("ignored", "/data/absorbed")]
    assert warnings(await service.post(merge("alert:a", "alert:b"))) == []
    await service.settled()
    assert warnings(await service.post(merge("alert:a", "alert:b"))) == [("ignored", "/data/absorbed")]
    assert warnings(await service.post(merge("alert:b", "alert:a"))) == [("ignored", "/data/absorbed")]
    assert warnings(await service.post(merge("alert:c", "alert:b"))) == [("ignored", "/data/absorbed")]
    assert warnings(await service.post(merge("alert:c", "alert:a"))) == []


async def test_what_is_retracted_is_retracted_and_amended_with_a_warning(service: Served):
    one = strike()
    first = retracted(one)
    await service.add(one, amended(one, data={"target_object": "depot"}))
    assert warnings(await service.post(first)) == []
    assert warnings(await service.post(retracted(one))) == [("retracted_already", "/data/target")]
    assert warnings(await service.post(amended(one, data={"target_object": "port"}))) == [
        ("retracted_already", "/data/target")
    ]


async def test_a_retraction_that_reinstates_is_none_of_what_is_gone(service: Served):
    one = strike()
    first = retracted(one)
    again = retracted(first)
    answer = await service.bulk(one, first, again, retracted(one))
    assert (answer.status, "warnings" in answer.json) == (201, False)


IGNORED = {
    "talk": [
        event("talk.cancelled", "talk:a", by="RUS"),
        event("talk.scheduled", "talk:a", planned_start="2026-01-01"),
    ],
    "alert": [event("alert.lifted", "alert:a")],
    "corridor": [event("corridor.closed", "corridor:a")],
    "commitment": [event("commitment.fulfilled", "commitment:a")],
    "exchange": [
        event("exchange.stage_completed", "exchange:a", stage=1, released={"UKR": {"total": n}}) for n in (1, 2)
    ],
    "ceasefire": [
        event("ceasefire.declared", "ceasefire:a", "2025-11-01", scope=["general"], duration_days=3),
        event("ceasefire.declared", "ceasefire:a", "2025-11-09", scope=["general"]),
    ],
    "agreement": [event("agreement.resumed", "agreement:a")],
    "policy": [
        {"type": "policy.changed", "stream": "policy:a", "data": {"policy": policy, "values": {name: 9}}}
        for policy, name in (("commitments", "at_risk_days"), ("compliance", "window_hours"))
    ],
}


@pytest.mark.parametrize("category", IGNORED)
async def test_an_event_that_does_not_fit_its_subject_is_taken_with_a_warning(service: Served, category: str):
    *before, last = IGNORED[category]
    await service.add(*before)
    assert warnings(await service.post(last)) == [("ignored", "")]


def test_each_subject_that_may_ignore_an_event_says_so_and_has_its_warning():
    selective = {name for name, kind in Subject.families.items() if kind.selective}
    ignoring = {
        name
        for name, kind in Subject.families.items()
        if any(".ignore(" in inspect.getsource(k) or "ignored=" in inspect.getsource(k)
               for k in kind.__mro__ if issubclass(k, Subject) and k is not Subject)
    }  # fmt: skip
    assert selective == ignoring == set(IGNORED)


async def test_an_amendment_whose_result_is_not_valid_is_taken_with_a_warning(service: Served):
    one = strike()
    await service.add(one)
    assert warnings(await service.post(amended(one, data={"means": ["dragon"]}))) == [("ignored", "")]


async def test_a_violation_of_no_ceasefire_is_taken_with_a_warning(service: Served):
    said = {"accused": ["RUS"], "claimed_by": "UKR", "severity": "minor"}
    await service.add(event("ceasefire.declared", "ceasefire:a", scope=["general"]))
    claim = event("violation.reported", "violation:a", ceasefires=["ceasefire:a", "ceasefire:none"], **said)
    assert warnings(await service.post(claim)) == [("unknown_stream", "/data/ceasefires/1")]


async def test_a_file_has_its_warnings_by_line_in_either_mode(service: Served):
    lines = [event("alert.declared", "alert:a", level="oblast"), merge("alert:a", "alert:a"), strike()]
    for mode in ("atomic", "partial"):
        answer = await service.bulk(*lines, event("alert.lifted", f"alert:{mode}"), mode=mode)
        if mode == "atomic":
            assert answer.json["warnings_total"] == 2
            told = [(w["line"], w["code"], w["pointer"]) for w in answer.json["warnings"]]
        else:
            each = [orjson.loads(line) for line in answer.raw.splitlines()]
            told = [(e["line"], w["code"], w["pointer"]) for e in each for w in e.get("warnings", ())]
        assert told == [(2, "ignored", "/data/absorbed"), (4, "ignored", "")]


async def test_nobody_is_warned_of_what_they_may_not_see(service: Served):
    red = {**event("alert.declared", "alert:a", level="oblast"), "tlp": "RED"}
    await service.add(red, event("alert.declared", "alert:b", level="oblast"))
    await service.add({**event("alert.lifted", "alert:b"), "tlp": "RED"})
    await make_key(service.access, "reporter", "a-key-of-a-reporter", scopes=["read", "report"])
    await service.settled()
    reporter = service.by("a-key-of-a-reporter")
    assert warnings(await reporter.post(event("alert.declared", "alert:b", level="red"))) == []
    assert warnings(await service.post(event("alert.declared", "alert:b", level="red"))) == [("ignored", "")]
