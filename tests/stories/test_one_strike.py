"""A strike on Odesa is posted, counted, retracted, and still there for whoever asks what was known."""

from tests.api.serving import Served
from tests.commands import retraction, strike

ODESA = "geonames:698740"


async def test_the_count_moves_and_moves_back_and_what_was_known_stays_known(timeline: Served, service: Served):
    from tests.subjects.given import TIMELINE

    assert (await service.bulk(*TIMELINE.read_bytes().splitlines())).status == 201
    before = (await service.rows("city_incidents", place=ODESA))[ODESA]
    event = strike(
        place={"name": "Odessa", "country": "UA", "precision": "settlement"},
        occurred={"start": "2025-12-21", "precision": "day", "tz": "Europe/Kyiv"},
        killed=3,
    )
    placed = await service.post(event)
    assert placed.status == 201
    position = placed.headers["Log-Position"]

    during = await service.get("/v1/projections/city_incidents", place=ODESA, min_position=position)
    row = during.json["rows"][ODESA]
    assert row["incidents"] == before["incidents"] + 1
    assert row["killed"]["best"] == (before["killed"]["best"] or 0) + 3
    assert (row["position"], row["restated"]) == (int(position), False)

    undone = await service.post(retraction(event["id"]))
    after = await service.get(
        "/v1/projections/city_incidents", place=ODESA, min_position=undone.headers["Log-Position"]
    )
    row = after.json["rows"][ODESA]
    assert {**row, "position": 0, "restated": None} == {**before, "position": 0, "restated": None}
    assert (row["position"], row["restated"]) == (undone.json["position"], True)

    then = await service.get("/v1/projections/city_incidents", place=ODESA, known_at=placed.json["recorded_at"])
    assert then.json["rows"] == during.json["rows"]
    assert then.json["basis"]["position"] == int(position)
    shown = (await service.get(placed.headers["Location"])).json
    assert (shown["status"], shown["data"]) == ("retracted", event["data"])
    # And nothing of it touched anybody else's numbers.
    others = {k: v for k, v in (await service.rows("city_incidents")).items() if k != ODESA}
    assert others == {k: v for k, v in (await timeline.rows("city_incidents")).items() if k != ODESA}
