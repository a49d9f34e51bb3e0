from datetime import UTC, datetime
from typing import Any

import pytest

from incidentlog.errors import BadRequest
from incidentlog.store.filters import EventFilter, parse_event_filter

KYIV = "Europe/Kyiv"


def test_nothing_lets_everything_pass():
    assert parse_event_filter({}, KYIV) == EventFilter()


def test_every_parameter_is_read():
    params = {
        "type": ["strike.reported", "strike.assessed"],
        "stream": ["strike:a"],
        "category": ["strike"],
        "city": ["geonames:698740", "place:village"],
        "admin1": ["UA.17"],
        "country": ["UA"],
        "actor": ["RUS.MOD"],
        "verification": ["verified"],
        "external_id": ["ucdp-ged:154:731", "alerts:*"],
        "import": ["12"],
        "since": ["2025-11-19"],
        "until": ["2025-11-19T12:00"],
        "recorded_since": ["2025-11-19T12:00:00Z"],
        "bbox": ["22.1,44,-40,52"],
    }
    assert parse_event_filter(params, KYIV) == EventFilter(
        types=("strike.reported", "strike.assessed"),
        streams=("strike:a",),
        categories=("strike",),
        places=("geonames:698740", "place:village"),
        admin1s=("UA.17",),
        countries=("UA",),
        actors=("RUS.MOD",),
        verifications=("verified",),
        since=datetime(2025, 11, 18, 22, tzinfo=UTC),
        until=datetime(2025, 11, 19, 10, tzinfo=UTC),
        recorded_since=datetime(2025, 11, 19, 12, tzinfo=UTC),
        bbox=(22.1, 44.0, -40.0, 52.0),
        external_ids=(("ucdp-ged", "154:731"), ("alerts", None)),
        imports=(12,),
    )


@pytest.mark.parametrize(
    ("name", "values", "code"),
    [
        ("colour", ["red"], "unknown_filter"),
        ("type", ["strike"], "unknown_type"),
        ("stream", ["strike"], "not_a_stream"),
        ("stream", ["strike:\0"], "not_a_stream"),
        ("category", ["tide"], "unknown_category"),
        ("city", ["Odesa"], "not_a_place"),
        ("city", ["geonames:\u0661"], "not_a_place"),
        ("admin1", ["17"], "not_an_admin1"),
        ("country", ["ua"], "not_a_country"),
        ("actor", ["russia"], "not_an_actor"),
        ("external_id", ["154731"], "not_an_external_id"),
        ("external_id", ["ucdp-ged:"], "not_an_external_id"),
        ("import", ["0"], "not_an_import"),
        ("import", ["ours"], "not_an_import"),
        ("verification", ["maybe"], "unknown_value"),
        ("since", ["soon"], "not_a_time"),
        ("since", ["2025-01-01", "2025-01-02"], "repeated"),
        ("bbox", ["1,2,3"], "not_a_box"),
        ("bbox", ["0,50,10,40"], "not_a_box"),
        ("bbox", ["nan,0,1,1"], "not_a_box"),
        ("country", [], "empty"),
        ("country", ["UA"] * 201, "too_many"),
    ],
)
def test_a_filter_that_cannot_be_is_refused_with_its_place(name: str, values: list[Any], code: str):
    with pytest.raises(BadRequest) as refused:
        parse_event_filter({name: values}, KYIV, under="/filter")
    assert [(fault.pointer, fault.code) for fault in refused.value.errors] == [(f"/filter/{name}", code)]
