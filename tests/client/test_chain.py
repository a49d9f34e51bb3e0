"""What leaves the chain is whole, whatever arrives: the rules of the protocol, one message at a time."""

from typing import Any

import pytest

from incidentlog.client.chain import BrokenError, Chain, Cursor

AT = "2026-03-01T12:00:00+00:00"
LATER = "2026-03-01T12:00:01+00:00"
ODESA = {"incidents": 1}
KYIV = {"incidents": 2}


def subscribed(mode: str = "snapshot", position: int = 5, **more: Any) -> dict[str, Any]:
    told = {"type": "subscribed", "id": "s", "channel": "c", "mode": mode, "epoch": "e", "position": position,
            "at": AT, "reason": None, "version": 1}  # fmt: skip
    return told | more


def snapshot(part: int = 1, parts: int = 1, position: int = 5, **rows: Any) -> dict[str, Any]:
    return {"type": "snapshot", "channel": "c", "position": position, "at": AT, "part": part, "parts": parts,
            "rows": rows}  # fmt: skip


def update(start: int, to: int, at: str = LATER, gone: tuple[str, ...] = (), **rows: Any) -> dict[str, Any]:
    return {"type": "update", "channel": "c", "from": start, "to": to, "at": at, "set": rows, "del": list(gone),
            "cause": {"position": to, "event_id": None, "kind": "event"}, "conflated": False}  # fmt: skip


def events(start: int, *positions: int) -> dict[str, Any]:
    items = [{"position": position} for position in positions]
    return {"type": "events", "channel": "c", "from": start, "to": positions[-1], "items": items}


def heartbeat(start: int, to: int, at: str = LATER) -> dict[str, Any]:
    return {"type": "heartbeat", "at": at, "head": to, "channels": {"c": [start, to]}}


def begun() -> Chain:
    chain = Chain(of_log=False)
    assert chain.connect() == {}
    chain.take(subscribed())
    chain.take(snapshot(odesa=ODESA))
    return chain


def tailing(position: int = 5) -> Chain:
    chain = Chain(of_log=True)
    chain.connect()
    chain.take(subscribed(position=position, version=None))
    return chain


def test_a_snapshot_is_one_step_when_its_last_part_is_there():
    chain = Chain(of_log=False)
    chain.connect()
    assert chain.take(subscribed()) is None
    assert chain.take(snapshot(1, 2, odesa=ODESA)) is None
    assert chain.cursor is None
    step = chain.take(snapshot(2, 2, kyiv=KYIV))
    assert step is not None
    assert step.rows is not None
    assert (step.whole, step.rows.set) == (True, {"odesa": ODESA, "kyiv": KYIV})
    assert chain.cursor == step.cursor


def test_after_half_a_snapshot_it_asks_for_a_whole_one_again():
    chain = Chain(of_log=False)
    chain.connect()
    chain.take(subscribed())
    chain.take(snapshot(1, 2, odesa=ODESA))
    assert chain.connect() == {}
    chain.take(subscribed())
    step = chain.take(snapshot(1, 1, kyiv=KYIV))
    assert step is not None
    assert step.rows is not None
    assert step.rows.set == {"kyiv": KYIV}


def test_it_comes_back_with_all_that_belongs_together():
    chain = begun()
    chain.take(update(5, 7, kyiv=KYIV))
    assert chain.connect() == {"from": 7, "at": LATER, "epoch": "e", "version": 1}
    assert chain.take(subscribed("resume", 7)) is None
    step = chain.take(update(7, 8, at=AT, gone=("kyiv",)))
    assert step is not None
    assert step.cursor.position == 8


@pytest.mark.parametrize(
    "message",
    [
        update(4, 6, odesa=KYIV),
        update(6, 7, odesa=KYIV),
        update(5, 4, odesa=KYIV),
        update(5, 5, at=AT, odesa=KYIV),
        heartbeat(6, 7),
        heartbeat(4, 5),
        snapshot(2, 2),
        snapshot(position=4),
        {"type": "update", "channel": "c"},
        update(5, 6, at="noon"),
    ],
    ids=lambda m: f"{m['type']} {m.get('from', '')} {m.get('to', '')}",
)
def test_what_does_not_follow_is_refused_and_moves_nothing(message: dict[str, Any]):
    chain = begun()
    before = chain.cursor
    with pytest.raises(BrokenError):
        chain.take(message)
    assert chain.cursor == before


@pytest.mark.parametrize(
    "message",
    [events(4, 6), events(6, 7), events(5, 7, 6), events(5, 6, 6), events(5, 5, 6), {**events(5, 7), "to": 6}],
)
def test_the_log_is_told_in_order_and_without_a_gap(message: dict[str, Any]):
    chain = tailing()
    with pytest.raises(BrokenError):
        chain.take(message)
    step = chain.take(events(5, 6, 8))
    assert step is not None
    assert step.events is not None
    assert step.cursor.position == 8


@pytest.mark.parametrize("message", [update(5, 6), snapshot(), events(5, 6)])
def test_nothing_comes_before_the_answer_to_the_subscription(message: dict[str, Any]):
    chain = Chain(of_log=False)
    chain.connect()
    with pytest.raises(BrokenError):
        chain.take(message)


def test_the_clock_moves_the_instant_and_not_the_position():
    chain = begun()
    step = chain.take(update(5, 5, odesa=KYIV))
    assert step is not None
    assert (step.cursor.position, step.cursor.at) != (5, AT)


def test_a_heartbeat_moves_what_is_quiet():
    chain = begun()
    step = chain.take(heartbeat(5, 9))
    assert step is not None
    assert step.brings_nothing
    assert step.cursor.position == 9
    assert chain.take(heartbeat(5, 9) | {"channels": {"another": [1, 2]}}) is None


def test_a_new_epoch_replaces_everything_at_once_and_says_why():
    chain = begun()
    assert chain.connect()["epoch"] == "e"
    chain.take(subscribed(epoch="f", position=3, reason="epoch_changed"))
    chain.take(snapshot(1, 2, position=3, odesa=KYIV))
    assert chain.cursor is not None
    assert chain.cursor.epoch == "e"  # half of the new epoch is nothing yet
    assert chain.connect() == {}
    chain.take(subscribed(epoch="f", position=3))
    step = chain.take(snapshot(position=3, odesa=KYIV))
    assert step is not None
    assert step.rows is not None
    assert (step.cursor.epoch, step.cursor.position, step.rows.reason) == ("f", 3, "epoch_changed")


@pytest.mark.parametrize(
    ("other", "reason"), [({"epoch": "f"}, "epoch_changed"), ({"channel": "d"}, "channel_changed")]
)
def test_a_service_that_goes_on_in_something_else_is_not_believed(other: dict[str, Any], reason: str):
    chain = begun()
    chain.connect()
    with pytest.raises(BrokenError):
        chain.take(subscribed("resume", **other))
    assert chain.connect() == {}
    chain.take(subscribed(**other))
    step = chain.take({**snapshot(kyiv=KYIV), **({"channel": "d"} if "channel" in other else {})})
    assert step is not None
    assert step.rows is not None
    assert step.rows.reason == reason


def test_in_a_new_epoch_the_log_is_told_from_its_beginning():
    chain = tailing(7)
    assert chain.connect() == {"from": 7, "epoch": "e"}
    step = chain.take(subscribed(epoch="f", position=0, reason="epoch_changed", version=None))
    assert step is not None
    assert step.events is not None
    assert (step.cursor, step.events.reason) == (Cursor("f", "c", 0), "epoch_changed")
    assert chain.take(events(0, 1)) is not None


def test_where_only_the_client_sees_the_new_epoch_it_asks_for_the_beginning_itself():
    chain = tailing(7)
    chain.connect()
    with pytest.raises(BrokenError):
        chain.take(subscribed("resume", 7, epoch="f", version=None))
    assert chain.connect() == {"from": 0}
    step = chain.take(subscribed("resume", 0, epoch="f", version=None))
    assert step is not None
    assert step.events is not None
    assert step.events.reason == "epoch_changed"


def test_what_is_not_known_is_ignored():
    chain = begun()
    assert chain.take({"type": "a-new-thing"}) is None
    assert chain.take({**update(1, 9), "channel": "another"}) is None
    assert chain.take({**update(5, 6, odesa=KYIV), "another": 1}) is not None
