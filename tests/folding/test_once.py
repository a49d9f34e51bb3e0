"""Counting a subject once, though it is on several lines."""

from hypothesis import given as for_all
from hypothesis import strategies as st

from incidentlog.folding.once import ONCE, count_of, is_whole, lines_of

SUBJECTS = st.dictionaries(
    st.text("abc", min_size=1, max_size=4), st.sets(st.sampled_from("xyz"), min_size=1), min_size=1, max_size=8
)


def summed(subjects: dict[str, set[str]], keep: set[str]) -> dict[str, int]:
    sums = dict.fromkeys(ONCE, 0)
    for stream, lines in subjects.items():
        for line, measures in zip(sorted(lines), lines_of(stream, sorted(lines)), strict=True):
            if line in keep:
                sums = {name: sums[name] + measures[name] for name in ONCE}
    return sums


@for_all(SUBJECTS)
def test_with_all_lines_in_the_sum_subjects_are_counted(subjects: dict[str, set[str]]):
    sums = summed(subjects, set("xyz"))
    assert is_whole(sums)
    assert count_of(sums) == len(subjects)


@for_all(SUBJECTS, st.sampled_from("xyz"))
def test_narrowed_to_one_line_those_that_have_it_are_counted(subjects: dict[str, set[str]], line: str):
    assert count_of(summed(subjects, {line})) == sum(line in lines for lines in subjects.values())
