"""Which streams are whose: everybody's share together is all streams, each once, whatever was merged."""

from hypothesis import given
from hypothesis import strategies as st

from incidentlog.folding.partitions import Share, partition_of

STREAMS = [f"strike:{n}" for n in range(24)]
STREAM = st.sampled_from(STREAMS)
COUNT = 5


def test_a_partition_hangs_on_the_name_alone():
    assert [partition_of(f"strike:{name}", 16) for name in ("a", "b", "2025-05-01-kharkiv", "харків")] == [15, 7, 1, 13]


@given(
    st.lists(st.sets(STREAM, min_size=2, max_size=4), max_size=30),
    st.lists(st.integers(0, 2), min_size=COUNT, max_size=COUNT),
)
def test_every_stream_is_in_one_share_and_merges_leave_what_they_connect_in_one(
    merges: list[set[str]], whose: list[int]
):
    shares = [Share([n for n in range(COUNT) if whose[n] == own], COUNT) for own in range(3)]
    family = {stream: {stream} for stream in STREAMS}
    for merge in merges:
        had = {stream: [share.has(stream) for share in shares] for stream in STREAMS}
        moved = [share.moved(merge) for share in shares]
        for share in shares:
            share.join(merge)
        joined = set().union(*(family[stream] for stream in merge))
        family.update(dict.fromkeys(joined, joined))
        for stream in STREAMS:
            now = [share.has(stream) for share in shares]
            assert sum(now) == 1
            assert now == [share.has(min(family[stream])) for share in shares]
            for n, (gained, lost) in enumerate(moved):
                assert (stream in gained, stream in lost) == (now[n] > had[stream][n], now[n] < had[stream][n])
    for share in shares:
        again = Share(share.own, COUNT, merges)
        for stream in STREAMS:
            by_name = partition_of(stream, COUNT) in share.own
            assert again.has(stream) == share.has(stream)
            if not share.whole:
                assert share.has(stream) == ((by_name and stream not in share.lent) or stream in share.adopted)
