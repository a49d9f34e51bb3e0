"""Which subjects may be one told twice, as they are asked for (docs/corrections.md, The rules, R6)."""

from tests.api.serving import Served, make_key
from tests.commands import strike
from tests.subjects.given import merge


async def candidates(service: Served, event: dict[str, object], **moment: object) -> list[str]:
    asked = {"min_position": await service.head(), **moment}
    answer = await service.get(f"/v1/subjects/strike:{event['id']}/candidates", **asked)
    assert answer.status == 200, answer
    return [c["stream"] for c in answer.json["candidates"]]


async def test_a_strike_told_twice_is_suggested_until_it_is_merged(service: Served):
    one, other = strike(stream=None), strike(stream=None)
    await service.add(one)
    assert await candidates(service, one) == []
    positions = await service.add(other)
    assert await candidates(service, one) == [f"strike:{other['id']}"]
    await service.add(merge(f"strike:{one['id']}", f"strike:{other['id']}"))
    assert await candidates(service, one) == []
    assert await candidates(service, one, at_position=positions[-1]) == [f"strike:{other['id']}"]


async def test_what_a_reader_may_not_see_is_not_suggested_to_it(service: Served):
    one = strike(stream=None)
    await service.add(one, strike(stream=None, tlp="RED"))
    await make_key(service.access, "reader", "a-readers-key", scopes=["read"])
    assert await candidates(service.by("a-readers-key"), one) == []
    assert len(await candidates(service, one)) == 1


async def test_of_nothing_there_are_none_and_reported_is_refused(service: Served):
    one = strike(stream=None)
    await service.add(one)
    asked = {"min_position": await service.head()}
    assert (await service.get("/v1/subjects/strike:nowhere/candidates", **asked)).status == 404
    refused = await service.get(f"/v1/subjects/strike:{one['id']}/candidates", basis="reported")
    assert (refused.status, list(refused.faults)) == (400, ["/basis"])
