from incidentlog.subjects.repatriation import Children, Counted, Remains
from tests.events.test_envelope import faults
from tests.subjects.given import event, merge, subject_of, timeline

R = "remains:x"


def test_what_the_counterparty_got_so_far_is_stated_and_not_added():
    subject = subject_of(*timeline("remains:2025-06-16"), kind=Remains)
    assert (subject.to, subject.count) == ("UKR", 1245)
    assert subject.counts == {"UKR": Counted(total=1245, withheld=0)}
    assert subject.stated_cumulative == {"RUS": 78}
    assert [link.rel for link in subject.links] == ["implements"]


def test_a_withheld_count_is_null():
    subject = subject_of(event("children.returned", "children:x", to="UKR", count=None), kind=Children)
    assert subject.count is None
    assert subject.counts == {"UKR": Counted(total=None, withheld=1)}


def test_handovers_of_one_stream_add_up_and_those_of_a_merged_one_do_not():
    one, two = (event("remains.repatriated", R, to="UKR", count=n) for n in (1000, 200))
    other = event("remains.repatriated", "remains:y", to="UKR", count=1001)
    assert subject_of(one, two, other, merge(R, "remains:y"), kind=Remains).count == 1200


def test_cumulative_is_a_yes_or_no_and_all_else_a_count():
    wrong = event("remains.repatriated", R, to="UKR", count=1, to_counterparty={"RUS": True, "cumulative": 78})
    assert faults(wrong) == {
        "/data/to_counterparty/RUS": "not_a_count",
        "/data/to_counterparty/cumulative": "not_a_count",
    }
