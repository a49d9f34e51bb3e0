"""`/v1/webhooks`: where events are sent to, for whoever has a key (docs/webhooks.md)."""

from datetime import timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from incidentlog.api import shapes
from incidentlog.api.access import note_access
from incidentlog.api.answers import answer
from incidentlog.api.operations import Answer, Body, Number, Parameter, Routes, Segment
from incidentlog.api.requests import SERVICE, model_of, reader_of
from incidentlog.errors import (
    BadRequest,
    Fault,
    Forbidden,
    NotFound,
    Overloaded,
    TooManyConnections,
    TooManyWebhooks,
    Unauthenticated,
)
from incidentlog.events.cloudevents import JSON as PLAIN
from incidentlog.events.cloudevents import SPEC
from incidentlog.events.values import MAX_INT, TLP_LABELS, Tlp
from incidentlog.ids import uuid7
from incidentlog.service.keys import OPEN, Reader
from incidentlog.service.service import Service
from incidentlog.store.filters import FILTERS, parse_event_filter
from incidentlog.store.read import read_head, read_ids
from incidentlog.store.webhooks import (
    DeadLetter,
    Webhook,
    add_webhook,
    change_webhook,
    discard_letters,
    list_webhooks,
    read_letters,
    read_secrets,
    read_webhook,
    remove_webhook,
    rotate_secret,
    want_letters,
)
from incidentlog.webhooks.backoff import LETTERS
from incidentlog.webhooks.signing import new_secret, read_secret, written

MOST: Final = 20
"""How many webhooks one key may have."""
FILTERS_OCTETS: Final = 20_000
"""As the table has it: a row that the table refuses is quoted in logs, with its secret."""
TEST: Final = "incidentlog.webhook.test"
"""The type of what is sent to try a webhook; no event of the log has it."""
EXAMPLE: Final = "0198c0de-0000-7000-8000-000000000001"
_UUID: Final = {"type": "string", "format": "uuid"}
FIRST: Final = UUID(int=0)

HOOK: Final = Segment("webhook", "The id of a webhook.", schema=_UUID, example=EXAMPLE)
AFTER: Final = Parameter("after", "Go on after this id.", schema=_UUID, example=EXAMPLE)
LIMIT: Final = Number("limit", "The most webhooks.", default=100, least=1, most=1_000, example="10")
AFTER_POSITION: Final = Number("after", "Go on after this position.", example="0")
LETTERS_LIMIT: Final = Number("limit", "The most dead letters.", default=100, least=1, most=LETTERS, example="10")

Url = Annotated[str, Field(max_length=2_000, description="`https`; other networks and `http` as the operator allows")]
Filters = Annotated[
    dict[Annotated[str, Field(max_length=40)], Annotated[list[str], Field(max_length=100)]],
    Field(max_length=len(FILTERS), description="The parameters of `/v1/events` that narrow it, each with its values"),
]
Note = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$", description="What it is for")]

routes = Routes()


class NewWebhook(BaseModel):
    """A webhook that is to be made."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: Url
    filters: Filters = {}
    note: Note | None = None
    after: Annotated[
        int | None,
        Field(ge=0, le=MAX_INT, description="The position after which it begins; else what comes from now on"),
    ] = None
    secret: Annotated[
        str | None, Field(max_length=100, description="`whsec_` and 24 to 64 bytes in base64; else one is made")
    ] = None


class WebhookChange(BaseModel):
    """What is to be otherwise; what is left out stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: Url | None = None
    filters: Filters | None = None
    note: Annotated[Note | None, Field(description="An empty one takes it away")] = None
    state: Annotated[
        Literal["active", "paused"] | None,
        Field(description="`active` also switches it on again, and tries what comes next at once"),
    ] = None


class SecretRotation(BaseModel):
    """How a secret is to be replaced."""

    model_config = ConfigDict(extra="forbid")

    overlap_hours: Annotated[
        float, Field(ge=0, le=8_760, allow_inf_nan=False, description="How long the secret before it signs, too")
    ] = 24.0


class LettersSettled(BaseModel):
    """What is to become of dead letters."""

    model_config = ConfigDict(extra="forbid")

    do: Annotated[Literal["retry", "discard"], Field(description="Try them once more, or give them up")]
    events: Annotated[list[UUID], Field(min_length=1, max_length=LETTERS)]


# -------------------------------------------------------------------------------------------------- webhooks


@routes.post(
    "/v1/webhooks",
    scope="read",
    body=Body(NewWebhook, example={"url": "https://example.org/hook", "filters": {"country": ["UA"]}}),
    answers=(
        Answer(
            shapes.WebhookWithSecret, status=201, meaning="It is made; this is the one time that its secret is told."
        ),
    ),
    problems=(TooManyWebhooks,),
)
async def make_webhook(request: web.Request) -> web.Response:
    """Have events sent to an address, as the key sees them: one after another, at least once, and signed."""
    service, reader = request.app[SERVICE], await _holder(request)
    wanted = await model_of(request, NewWebhook)
    head = (await read_head(service.pool)).position
    secret = new_secret() if wanted.secret is None else read_secret(wanted.secret)
    faults = [*_faults(service, wanted.url, wanted.filters)]
    if wanted.after is not None and wanted.after > head:
        faults.append(Fault("/after", "not_yet", f"the log ends at {head}"))
    if secret is None:
        faults.append(Fault("/secret", "not_a_secret", "it is whsec_ and 24 to 64 bytes in base64"))
    if faults or secret is None:
        raise BadRequest(errors=faults)
    now = service.clock.now()
    webhook_id = uuid7(now)
    async with service.kept(reader) as connection:
        added = await add_webhook(
            connection, webhook_id, reader.name, reader.clearance,
            url=wanted.url, filters=orjson.dumps(wanted.filters).decode(), note=wanted.note or None, secret=secret,
            now=now, position=head if wanted.after is None else wanted.after, most=MOST,
        )  # fmt: skip
    if not added:
        raise TooManyWebhooks(f"the key {reader.name} has {MOST} webhooks")
    note_access(request, 201)  # what follows is read by whoever has the key
    service.deliverer.look_soon()
    made = await read_webhook(service.pool, webhook_id)
    if made is None:
        raise NotFound("it was removed at once")
    return answer(_told(made) | {"secret": written(secret)}, status=201)


@routes.get("/v1/webhooks", scope="read", takes=(AFTER, LIMIT), answers=shapes.Webhooks)
async def tell_webhooks(request: web.Request) -> web.Response:
    """The webhooks of the key; with `admin`, all that see no more than it does."""
    service, reader, limit = request.app[SERVICE], await reader_of(request), LIMIT.of(request)
    after = FIRST
    if (given := AFTER.given(request)) is not None and (after := _uuid(given) or FIRST) == FIRST:
        raise BadRequest(errors=[Fault("/after", "not_an_id", "give the id of a webhook")])
    found = await list_webhooks(
        service.pool, reader.name, every="admin" in reader.scopes, clearance=reader.clearance, after=after, limit=limit
    )
    body: dict[str, Any] = {"webhooks": [_told(webhook) for webhook in found]}
    if len(found) == limit:
        body["next"] = str(request.rel_url.update_query({"after": str(found[-1].webhook_id)}))
    return answer(body)


@routes.get("/v1/webhooks/{webhook}", scope="read", takes=(HOOK,), answers=shapes.Webhook)
async def tell_webhook(request: web.Request) -> web.Response:
    """One webhook, and how far it is."""
    return answer(_told(await _found(request, await reader_of(request))))


@routes.patch(
    "/v1/webhooks/{webhook}",
    scope="read",
    takes=(HOOK,),
    body=Body(WebhookChange, example={"state": "paused"}),
    answers=shapes.Webhook,
)
async def alter_webhook(request: web.Request) -> web.Response:
    """Let a webhook go elsewhere, narrow it otherwise, let it pause, or go on; it stays where it is in the log."""
    service = request.app[SERVICE]
    before = await _found(request, reader := await _holder(request))
    wanted = await model_of(request, WebhookChange)
    url = before.url if wanted.url is None else wanted.url
    filters: dict[str, list[str]] = orjson.loads(before.filters) if wanted.filters is None else wanted.filters
    if faults := [*_faults(service, url, filters)]:
        raise BadRequest(errors=faults)
    named = None if wanted.filters is None else orjson.dumps(wanted.filters).decode()
    async with service.kept(reader) as connection:
        there = await change_webhook(
            connection, before.webhook_id, url=wanted.url, filters=named, note=wanted.note, state=wanted.state
        )
    after = await read_webhook(service.pool, before.webhook_id) if there else None
    if after is None:
        raise _none(str(before.webhook_id))
    note_access(request)
    service.deliverer.look_soon()
    return answer(_told(after))


@routes.delete(
    "/v1/webhooks/{webhook}", scope="read", takes=(HOOK,), answers=(Answer(status=204, meaning="It is no more."),)
)
async def end_webhook(request: web.Request) -> web.Response:
    """Remove a webhook, with its dead letters."""
    service = request.app[SERVICE]
    reader = await _holder(request)
    webhook = await _found(request, reader)
    async with service.kept(reader) as connection:
        await remove_webhook(connection, webhook.webhook_id)
    service.deliverer.look_soon()
    return web.Response(status=204)


@routes.post(
    "/v1/webhooks/{webhook}/secret",
    scope="read",
    takes=(HOOK,),
    body=Body(SecretRotation, example={"overlap_hours": 24}),
    answers=shapes.WebhookWithSecret,
)
async def replace_secret(request: web.Request) -> web.Response:
    """Give a webhook another secret. For a while its messages have two signatures, so that nothing is missed."""
    service = request.app[SERVICE]
    reader = await _holder(request)
    webhook = await _found(request, reader)
    wanted = await model_of(request, SecretRotation)
    secret, until = new_secret(), service.clock.now() + timedelta(hours=wanted.overlap_hours)
    async with service.kept(reader) as connection:
        await rotate_secret(connection, webhook.webhook_id, secret, until)
    service.deliverer.look_soon()
    after = await read_webhook(service.pool, webhook.webhook_id)
    if after is None:
        raise _none(str(webhook.webhook_id))
    return answer(_told(after) | {"secret": written(secret)})


@routes.post(
    "/v1/webhooks/{webhook}/test",
    scope="read",
    takes=(HOOK,),
    answers=shapes.Delivered,
    problems=(TooManyConnections, Overloaded),
)
async def try_webhook(request: web.Request) -> web.Response:
    """Send a message of the type `incidentlog.webhook.test` once, now, and say what became of it."""
    service = request.app[SERVICE]
    reader = await _holder(request)
    webhook = await _found(request, reader)
    async with service.kept(reader) as connection:
        secrets = await read_secrets(connection, webhook.webhook_id)
    if secrets is None:
        raise _none(str(webhook.webhook_id))
    message_id = uuid7(service.clock.now())
    told = {
        "specversion": SPEC, "id": str(message_id), "source": f"urn:uuid:{service.log.id}", "type": TEST,
        "time": service.clock.now(), "datacontenttype": PLAIN, "data": {"webhook": webhook.webhook_id},
    }  # fmt: skip
    body = orjson.dumps(told, option=orjson.OPT_UTC_Z, default=str)
    with service.trying.place(reader):
        outcome = await service.deliverer.sender.send(webhook.url, message_id, body, secrets)
    return answer(
        {"id": message_id, "status": outcome.status, "failure": outcome.failure, "seconds": round(outcome.seconds, 3)}
    )


# ---------------------------------------------------------------------------------------------- dead letters


@routes.get(
    "/v1/webhooks/{webhook}/dead-letters",
    scope="read",
    takes=(HOOK, AFTER_POSITION, LETTERS_LIMIT),
    answers=shapes.DeadLetters,
)
async def tell_letters(request: web.Request) -> web.Response:
    """Events that could not be delivered, in the order of the log; those that the key may see by now."""
    service, reader = request.app[SERVICE], await reader_of(request)
    webhook, limit = await _found(request, reader), LETTERS_LIMIT.of(request)
    letters = await read_letters(service.pool, webhook.webhook_id, after=AFTER_POSITION.of(request), limit=LETTERS)
    clearance = min(reader.clearance, webhook.clearance)
    seen = await read_ids(service.pool, [letter.event_id for letter in letters], clearance=clearance)
    there = {event.event_id for event in seen.events}
    shown = [letter for letter in letters if letter.event_id in there]
    body: dict[str, Any] = {"dead_letters": [_letter(letter) for letter in shown[:limit]]}
    if len(shown) > limit:
        body["next"] = str(request.rel_url.update_query({"after": str(shown[limit - 1].position)}))
    return answer(body)


@routes.post(
    "/v1/webhooks/{webhook}/dead-letters",
    scope="read",
    takes=(HOOK,),
    body=Body(LettersSettled, example={"do": "retry", "events": [EXAMPLE]}),
    answers=(Answer(shapes.Settled, status=202, meaning="Those that are there, of the ones that were named."),),
)
async def settle_letters(request: web.Request) -> web.Response:
    """Have dead letters tried once more, out of their order, or give them up."""
    service = request.app[SERVICE]
    reader = await _holder(request)
    webhook = await _found(request, reader)
    wanted = await model_of(request, LettersSettled)
    settle = want_letters if wanted.do == "retry" else discard_letters
    async with service.kept(reader) as connection:
        settled = await settle(connection, webhook.webhook_id, wanted.events)
    service.deliverer.look_soon()
    return answer({"events": settled}, status=202)


def _letter(letter: DeadLetter) -> dict[str, Any]:
    return {
        "event_id": letter.event_id,
        "position": letter.position,
        "attempts": letter.attempts,
        "failed_at": letter.failed_at,
        "failure": letter.failure,
        "wanted": letter.wanted,
    }


# ---------------------------------------------------------------------------------------------------- shared


async def _holder(request: web.Request) -> Reader:
    """Whoever asks with a key: what is made goes on by it after the request."""
    reader = await reader_of(request)
    if reader.name == OPEN:
        raise Unauthenticated("a webhook needs a key: Authorization: Bearer ...")
    if ":" in reader.name:  # of an issuer: no key is called so
        raise Forbidden("a webhook lasts longer than a token: make it with a key")
    return reader


async def _found(request: web.Request, reader: Reader) -> Webhook:
    """The webhook that the path names, for whoever it concerns. Raises NotFound."""
    given = HOOK.of(request)
    webhook_id = _uuid(given)
    webhook = None if webhook_id is None else await read_webhook(request.app[SERVICE].pool, webhook_id)
    if webhook is None:
        raise _none(given)
    others = "admin" in reader.scopes and webhook.clearance <= reader.clearance
    if reader.name == OPEN or not (others or webhook.key_id == reader.name):
        raise _none(given)
    return webhook


def _none(given: str) -> NotFound:
    return NotFound(f"there is no webhook {given[:80]!r}")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) == len(EXAMPLE) else None
    except ValueError:
        return None


def _faults(service: Service, url: str, filters: dict[str, list[str]]) -> list[Fault]:
    """What is wrong with an address and with what narrows the events."""
    fault = service.deliverer.sender.networks.fault(url)
    found = [] if fault is None else [Fault("/url", "not_allowed", fault)]
    if len(orjson.dumps(filters)) > FILTERS_OCTETS:
        found.append(Fault("/filters", "too_long", f"as JSON they have at most {FILTERS_OCTETS} bytes"))
    try:
        parse_event_filter(filters, service.log.calendar, under="/filters")
    except BadRequest as refused:
        found += refused.errors
    return found


def _told(webhook: Webhook) -> dict[str, Any]:
    """A webhook as it is told."""
    return {
        "id": webhook.webhook_id,
        "key": webhook.key_id,
        "clearance": TLP_LABELS[Tlp(webhook.clearance)],
        "url": webhook.url,
        "filters": orjson.loads(webhook.filters),
        "note": webhook.note,
        "created_at": webhook.created_at,
        "state": webhook.state,
        "reason": webhook.reason,
        "position": webhook.position,
        "attempts": webhook.attempts,
        "next_at": webhook.next_at,
        "last_attempt_at": webhook.last_attempt_at,
        "last_delivered_at": webhook.last_delivered_at,
        "last_failure": webhook.last_failure,
        "former_until": webhook.former_until,
    }
