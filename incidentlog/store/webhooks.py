"""Webhooks: what is kept of each, who delivers to it, and what could not be delivered."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection, Pool

State = Literal["active", "paused", "off"]


@dataclass(frozen=True, slots=True)
class Secrets:
    """What messages are signed with: the secret, and until an instant the one before it, too."""

    secret: bytes = field(repr=False)
    former: bytes | None = field(default=None, repr=False)
    former_until: datetime | None = None

    def at(self, now: datetime) -> list[bytes]:
        """Those that sign at an instant, the newest first."""
        former = self.former if self.former_until is not None and now < self.former_until else None
        return [self.secret] if former is None else [self.secret, former]


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as its owner sees it; of its secrets nothing."""

    webhook_id: UUID
    key_id: str
    clearance: int
    """What its key saw when it made it."""
    url: str
    filters: str
    note: str | None
    former_until: datetime | None
    created_at: datetime
    state: State
    reason: str | None
    position: int
    """Everything up to it was delivered, or is a dead letter, or is not for it."""
    attempts: int
    """How often the event that comes next was tried."""
    next_at: datetime | None
    last_attempt_at: datetime | None
    last_delivered_at: datetime | None
    last_failure: str | None


@dataclass(frozen=True, slots=True)
class Leased:
    """A webhook that this process delivers to."""

    webhook_id: UUID
    key_id: str
    clearance: int
    """What its key saw when it made it, or sees by now where that is less."""
    url: str
    filters: str
    secrets: Secrets
    revision: int
    """Which change by a client it is of."""
    position: int
    attempts: int
    attempts_of: int | None
    """The position of the event that was tried so often."""
    next_at: datetime | None
    wanted: bool
    """Whether dead letters are to be tried once more."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that could not be delivered."""

    position: int
    event_id: UUID
    attempts: int
    failed_at: datetime
    failure: str
    wanted: bool
    """It is to be tried once more."""


@dataclass(frozen=True, slots=True)
class Hold:
    """By what a process says that it is still the one that delivers to a webhook, as a client left it."""

    webhook_id: UUID
    lessee: UUID
    revision: int


# -------------------------------------------------------------------------------------------------- for clients


async def add_webhook(
    connection: Connection,
    webhook_id: UUID,
    key_id: str,
    clearance: int,
    *,
    url: str,
    filters: str,
    note: str | None,
    secret: bytes,
    now: datetime,
    position: int,
    most: int,
) -> bool:
    """Add a webhook; False where its key has `most` already."""
    added = await connection.fetchval(
        query("webhooks", "add"), webhook_id, key_id, clearance, url, filters, note, secret, now, position, most
    )
    return added is not None


async def list_webhooks(
    pool: Pool, key_id: str, *, every: bool, clearance: int, after: UUID, limit: int
) -> list[Webhook]:
    """Those that a key made or, with `every`, all that see no more than a clearance; by id, after one."""
    rows = await pool.fetch(query("webhooks", "list"), key_id, every, clearance, after, limit)
    return [Webhook(*row) for row in rows]


async def read_webhook(pool: Pool | Connection, webhook_id: UUID) -> Webhook | None:
    """A webhook by its id."""
    row = await pool.fetchrow(query("webhooks", "one"), webhook_id)
    return None if row is None else Webhook(*row)


async def read_secrets(connection: Connection, webhook_id: UUID) -> Secrets | None:
    """What a webhook's messages are signed with."""
    row = await connection.fetchrow(query("webhooks", "secrets"), webhook_id)
    return None if row is None else Secrets(*row)


async def change_webhook(
    connection: Connection,
    webhook_id: UUID,
    *,
    url: str | None,
    filters: str | None,
    note: str | None,
    state: State | None,
) -> bool:
    """Change what is named of a webhook; it begins anew with the event that comes next. Whether there is one."""
    values = (url, filters, note, state)
    return await connection.fetchval(query("webhooks", "change"), webhook_id, *values) is not None


async def rotate_secret(connection: Connection, webhook_id: UUID, secret: bytes, former_until: datetime) -> bool:
    """Give a webhook another secret; the one before it signs, too, until an instant. Whether there is one."""
    return await connection.fetchval(query("webhooks", "rotate"), webhook_id, secret, former_until) is not None


async def remove_webhook(connection: Connection, webhook_id: UUID) -> bool:
    """Forget a webhook, with its dead letters; whether there was one."""
    return await connection.fetchval(query("webhooks", "remove"), webhook_id) is not None


async def read_letters(pool: Pool | Connection, webhook_id: UUID, *, after: int, limit: int) -> list[DeadLetter]:
    """Dead letters in the order of the log, after a position."""
    return [DeadLetter(*row) for row in await pool.fetch(query("webhooks", "letters"), webhook_id, after, limit)]


async def want_letters(connection: Connection, webhook_id: UUID, event_ids: Sequence[UUID]) -> list[UUID]:
    """Have dead letters tried once more; answers which are there."""
    return [row[0] for row in await connection.fetch(query("webhooks", "want"), webhook_id, list(event_ids))]


async def discard_letters(connection: Connection, webhook_id: UUID, event_ids: Sequence[UUID]) -> list[UUID]:
    """Give dead letters up; answers which were there."""
    return [row[0] for row in await connection.fetch(query("webhooks", "discard"), webhook_id, list(event_ids))]


async def count_states(pool: Pool | Connection, clearance: int) -> dict[State, int]:
    """How many webhooks there are that see no more than a clearance, by what they do."""
    return {row["state"]: row["webhooks"] for row in await pool.fetch(query("webhooks", "states"), clearance)}


# -------------------------------------------------------------------------------------------- for whoever delivers


async def any_webhook(pool: Pool) -> bool:
    """Whether there is a webhook to deliver to."""
    return bool(await pool.fetchval(query("webhooks", "any")))


async def lease_webhooks(connection: Connection, lessee: UUID, *, seconds: float, now: datetime) -> list[Leased]:
    """Take those that nobody delivers to and keep one's own, for so many seconds; answers those to deliver to.

    A lease is renewed once a third of it is over. What is of a key that may not read any more is left out.
    """
    await connection.execute(query("webhooks", "lease"), lessee, seconds, seconds * 2 / 3)
    return [_leased(row) for row in await connection.fetch(query("webhooks", "leased"), lessee, now)]


def _leased(row: Any) -> Leased:
    secrets = Secrets(row["secret"], row["former_secret"], row["former_until"])
    return Leased(
        row["webhook_id"], row["key_id"], row["clearance"], row["url"], row["filters"], secrets, row["revision"],
        row["position"], row["attempts"], row["attempts_of"], row["next_at"], row["wanted"],
    )  # fmt: skip


async def release_webhooks(connection: Connection, lessee: UUID) -> None:
    """Leave to others what one delivers to."""
    await connection.execute(query("webhooks", "release"), lessee)


async def note_delivered(connection: Connection, hold: Hold, position: int, now: datetime) -> bool:
    """A webhook has everything up to a position; False where another process delivers by now, or it was changed."""
    return await _moved(connection, "delivered", hold, position, now)


async def note_passed(connection: Connection, hold: Hold, position: int) -> bool:
    """Up to a position there is nothing for a webhook; likewise."""
    return await _moved(connection, "passed", hold, position)


async def note_failed(
    connection: Connection, hold: Hold, *, position: int, attempts: int, next_at: datetime, now: datetime, failure: str
) -> bool:
    """The event at a position was tried so often, and is tried again from an instant on; likewise."""
    return await _moved(connection, "failed", hold, position, attempts, next_at, now, failure)


async def bury(
    connection: Connection,
    hold: Hold,
    *,
    position: int,
    event_id: UUID,
    attempts: int,
    now: datetime,
    failure: str,
    in_row: int,
    most: int,
) -> State | None:
    """An event becomes a dead letter; the webhook is off after `in_row` of them in a row, and once it has `most`.

    Answers what the webhook does from now on; None where another process delivers by now, or it was changed.
    """
    held = (hold.webhook_id, hold.lessee, hold.revision)
    state: State | None = await connection.fetchval(
        query("webhooks", "bury"), *held, position, event_id, attempts, now, failure, in_row, most
    )
    return state


async def note_gone(connection: Connection, hold: Hold, now: datetime, failure: str) -> bool:
    """The receiver does not want any more; likewise."""
    return await _moved(connection, "gone", hold, now, failure)


async def _moved(connection: Connection, name: str, hold: Hold, *values: Any) -> bool:
    held = (hold.webhook_id, hold.lessee, hold.revision)
    return await connection.fetchval(query("webhooks", name), *held, *values) is not None


async def wanted_letters(connection: Connection, webhook_id: UUID, limit: int) -> list[DeadLetter]:
    """Dead letters that are to be tried once more, in the order of the log."""
    return [DeadLetter(*row) for row in await connection.fetch(query("webhooks", "wanted"), webhook_id, limit)]


async def note_still_dead(connection: Connection, webhook_id: UUID, position: int, now: datetime, failure: str) -> None:
    """A dead letter was tried in vain."""
    await connection.execute(query("webhooks", "still_dead"), webhook_id, position, now, failure)
