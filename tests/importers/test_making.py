from tests.importers.rowing import OWN, events_of, made_from, mapping_of


def test_a_bad_row_is_told_with_all_its_faults_and_keeps_nothing_else_out(tmp_path):
    made = made_from(
        mapping_of(), tmp_path, "id,date,place,killed\n1,1.2.2025,Odesa,1\n2,soon,Kyiv,many\n3,2.2.2025,Lviv,\n"
    )
    assert [len(each.events) for each in made] == [1, 0, 1]
    assert [(f.line, f.column, f.reason) for f in made[1].faults] == [
        (3, "date", "'soon' is no date of %d.%m.%Y or %Y-%m-%d"),
        (3, "killed", "'many' is no whole number"),
    ]


def test_a_row_without_an_id_is_refused_and_one_without_a_figure_says_none(tmp_path):
    first, second = made_from(mapping_of(), tmp_path, "id,date,place,killed\n,1.2.2025,Odesa,1\n2,1.2.2025,Odesa,\n")
    assert [f.reason for f in first.faults] == ["the row has no id"]
    assert second.events[0]["data"] == {"kind": "other"}


def test_what_is_repaired_is_kept_in_the_notes(tmp_path):
    (made,) = made_from(mapping_of(), tmp_path, "id,date,place,killed\n1,31.2.2025,Odesa,1\n")
    assert made.events[0]["occurred"] == {"start": "2025-02-01", "precision": "month", "tz": "Europe/Kyiv"}
    assert made.events[0]["notes"] == "As the file had it: day beyond its month: 31.2.2025"


def test_columns_that_tell_a_row_from_others_are_its_id_and_case_and_spaces_are_not(tmp_path):
    hashed = mapping_of(**{'column = "id"': 'columns = ["date", "place"]'})
    made = made_from(hashed, tmp_path, "date,place,killed\n1.2.2025,Odesa,1\n1.2.2025, odesa ,1\n2.2.2025,Odesa,1\n")
    ids = [event["id"] for event in events_of(made)]
    assert (ids[0] == ids[1], ids[0] == ids[2]) == (True, False)


def test_a_salt_makes_ids_that_nobody_can_compute(tmp_path):
    text = "id,date,place,killed\n1,1.2.2025,Odesa,1\n"
    plain, salted = (
        events_of(made_from(mapping_of(**{'scheme = "ours"': scheme}), tmp_path, text))[0]
        for scheme in ('scheme = "ours"', 'scheme = "ours"\nsalt = "x"')
    )
    assert plain["id"] != salted["id"]
    assert plain["external_ids"] == salted["external_ids"] == [{"scheme": "ours", "id": "1"}]


def test_rules_are_tried_in_their_order_and_a_row_that_fits_none_is_told(tmp_path):
    ruled = OWN.replace(
        'type = "incident.reported"\ndata.kind = "other"',
        'type = "incident.reported"\nif = [{ column = "what", equals = "Clash" }]\ndata.kind = "clash"',
    )
    made = made_from(
        mapping_of(ruled), tmp_path, "id,date,place,killed,what\n1,1.2.2025,Odesa,1,clash\n2,1.2.2025,Kyiv,1,flood\n"
    )
    assert made[0].events[0]["data"]["kind"] == "clash"
    assert [f.reason for f in made[1].faults] == ["no rule of the mapping says what it is"]


def test_a_point_at_null_island_is_none_and_half_a_point_a_fault(tmp_path):
    pointed = mapping_of(
        **{
            'name = { column = "place" }': 'name = { column = "place" }\nlat = { column = "lat" }\nlon = { column = "lon" }'
        }
    )
    text = "id,date,place,killed,lat,lon\n1,1.2.2025,Odesa,1,0,0\n2,1.2.2025,Odesa,1,46.5,\n3,1.2.2025,,1,46.5,30.7\n"
    first, second, third = made_from(pointed, tmp_path, text)
    assert "lat" not in first.events[0]["place"]
    assert [f.reason for f in second.faults] == ["lat and lon go together"]
    assert third.events[0]["place"] == {
        "name": "46.5, 30.7",
        "precision": "unknown",
        "country": "UA",
        "lat": 46.5,
        "lon": 30.7,
    }


def test_midnight_is_no_time_where_the_mapping_says_so(tmp_path):
    timed = OWN.replace(
        'formats = ["%d.%m.%Y", "%Y-%m-%d"] }',
        'formats = ["%d.%m.%Y %H:%M"] }\nprecision = "minute"\nmidnight = "none"',
    )
    made = made_from(
        mapping_of(timed), tmp_path, "id,date,place,killed\n1,1.2.2025 00:00,Odesa,1\n2,1.2.2025 03:30,Odesa,1\n"
    )
    assert [event["occurred"] for event in events_of(made)] == [
        {"start": "2025-02-01", "precision": "day", "tz": "Europe/Kyiv"},
        {"start": "2025-02-01T03:30:00", "precision": "minute", "tz": "Europe/Kyiv"},
    ]
