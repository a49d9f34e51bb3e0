"""Tokens of an issuer that is somebody else's, started here: who holds one, and which are refused."""

import asyncio
import base64
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import jwt
import orjson
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import ValidationError

from incidentlog.clock import ManualClock
from incidentlog.config import Settings
from incidentlog.embedded import Server
from incidentlog.events.values import Tlp
from incidentlog.live import PROTOCOL
from incidentlog.service import oidc
from tests.api.serving import Served, serving
from tests.commands import strike
from tests.conftest import log_called

AUDIENCE = "incidentlog"
USERS: dict[str, dict[str, Any]] = {
    "reader": {"scope": "openid incidentlog:read", "clearance": "GREEN"},
    "reporter": {"scope": ["incidentlog:read", "incidentlog:report"], "clearance": "RED"},
    "elsewhere": {"scope": "read report admin other:read"},
    "unmarked": {"scope": "incidentlog:read"},
    "confused": {"scope": "incidentlog:read", "clearance": "SECRET"},
}

if find_spec("oidc_provider_mock") is None:
    pytest.skip("pip install --group tools", allow_module_level=True)


@dataclass(frozen=True)
class Provider:
    """An issuer that runs."""

    url: str
    process: asyncio.subprocess.Process

    async def token(self, user: str, audience: str = AUDIENCE) -> str:
        """An ID token of a user who signs in there, for a client."""
        asked = {
            "client_id": audience,
            "redirect_uri": "http://127.0.0.1:1/",
            "response_type": "code",
            "scope": "openid",
        }
        async with aiohttp.ClientSession() as session:
            form = {"sub": user}
            signed = await session.post(f"{self.url}/oauth2/authorize", params=asked, data=form, allow_redirects=False)
            code = parse_qs(urlsplit(signed.headers["Location"]).query)["code"][0]
            given = {"grant_type": "authorization_code", "code": code, "redirect_uri": asked["redirect_uri"],
                     "client_id": audience, "client_secret": "any"}  # fmt: skip
            answer = await session.post(f"{self.url}/oauth2/token", data=given)
            assert answer.status == 200, await answer.text()
            token: str = (await answer.json())["id_token"]
            return token


@asynccontextmanager
async def provider(port: int = 0) -> AsyncIterator[Provider]:
    """An issuer of its own process, with keys of its own."""
    if port == 0:
        probe = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = probe.sockets[0].getsockname()[1]
        probe.close()
        await probe.wait_closed()
    users = [
        a for name, claims in USERS.items() for a in ("--user-claims", orjson.dumps({"sub": name, **claims}).decode())
    ]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "oidc_provider_mock", "--port", str(port), *users,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(60), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"{url}/.well-known/openid-configuration") as answer:
                        assert (await answer.json())["issuer"] == url
                        break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)
        yield Provider(url, process)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@pytest.fixture(scope="module")
async def issuer() -> AsyncIterator[Provider]:
    async with provider() as running:
        yield running


def settings(issuer: Provider, **given: Any) -> Settings:
    return Settings(oidc_issuer=issuer.url, oidc_audience=AUDIENCE, **given)


@pytest.fixture
async def service(issuer: Provider, server: Server) -> AsyncIterator[Served]:
    clock = ManualClock(datetime.now(UTC))
    async with (
        log_called("test_api_oidc", server) as access,
        serving(access, settings=settings(issuer), clock=clock) as served,
    ):
        yield served


async def refused(service: Served, token: str, says: str) -> None:
    answer = await service.by(token).get("/v1/events")
    assert (answer.status, answer.slug) == (401, "unauthenticated"), answer
    assert says in answer.json["detail"]
    assert token not in answer.raw.decode()


async def test_who_holds_a_token_may_what_it_says_and_is_named_by_it(service: Served, issuer: Provider):
    reporter = service.by(await issuer.token("reporter"))
    posted = await reporter.post(strike(tlp="RED"))
    assert posted.status == 201
    event = f"/v1/events/{posted.json['id']}"
    assert (await reporter.get(event)).json["recorded_by"] == "oidc:reporter"
    reader = service.by(await issuer.token("reader"))
    assert (await reader.get("/v1/events")).json["events"] == []  # cleared for GREEN
    assert (await reader.get(event)).status == 404
    assert (await reader.post(strike())).status == 403
    assert (await service.by(await issuer.token("unmarked")).get("/v1/events")).status == 200
    assert (await service.get("/v1/events")).status == 200  # keys go on


async def test_scopes_of_other_services_are_none_of_ours(service: Served, issuer: Provider):
    other = service.by(await issuer.token("elsewhere"))
    assert (await other.get("/v1/events")).status == 403
    assert (await other.post(strike())).status == 403


async def test_a_marking_that_is_none_is_refused(service: Served, issuer: Provider):
    await refused(service, await issuer.token("confused"), "clearance is none of CLEAR")


async def test_a_token_for_another_audience_is_refused(service: Served, issuer: Provider):
    await refused(service, await issuer.token("reader", "another-service"), "InvalidAudienceError")


async def test_a_token_of_another_issuer_is_refused(service: Served, issuer: Provider):
    async with provider() as other:
        await refused(service, await other.token("reader"), "InvalidSignatureError")


async def test_a_token_is_taken_until_it_expires_and_not_before_it_begins(service: Served, issuer: Provider):
    token = await issuer.token("reader")
    claims = jwt.decode(token, options={"verify_signature": False})
    ends = datetime.fromtimestamp(claims["exp"], UTC)
    await service.clock.advance(ends + timedelta(seconds=29))
    assert (await service.by(token).get("/v1/events")).status == 200
    await service.clock.advance(ends + timedelta(seconds=30))
    await refused(service, token, "has expired")


async def test_a_token_from_the_future_is_refused(issuer: Provider, server: Server):
    clock = ManualClock(datetime.now(UTC) - timedelta(minutes=5))
    async with (
        log_called("test_api_oidc_future", server) as access,
        serving(access, settings=settings(issuer), clock=clock) as service,
    ):
        await refused(service, await issuer.token("reader"), "not valid yet")


def resigned(token: str, key: Any, algorithm: str, **claims: Any) -> str:
    """A token like another, signed by somebody else."""
    head, said = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    return jwt.encode({**said, **claims}, key, algorithm=algorithm, headers={k: head[k] for k in head if k == "kid"})


async def public_key(issuer: Provider) -> Any:
    async with aiohttp.ClientSession() as session:
        known = await (await session.get(f"{issuer.url}/.well-known/openid-configuration")).json()
        keys = await (await session.get(known["jwks_uri"])).json()
    return jwt.PyJWK(keys["keys"][0]).key


async def test_forged_tokens_are_refused(service: Served, issuer: Provider):
    token = await issuer.token("reader")
    mine = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    await refused(service, resigned(token, mine, "RS256"), "InvalidSignatureError")
    await refused(service, resigned(token, mine, "PS256"), "signed by ES256, RS256")
    await refused(service, resigned(token, None, "none"), "signed by ES256, RS256")
    # The public key, taken for a secret that both sides have.
    shared = (await public_key(issuer)).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = {**jwt.get_unverified_header(token), "alg": "HS256"}
    said = token.split(".")[1]
    signed = f"{base64.urlsafe_b64encode(orjson.dumps(head)).rstrip(b'=').decode()}.{said}"
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signed.encode(), shared)
    forged = f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    await refused(service, forged, "signed by ES256, RS256")
    for algorithm in ([], {}, 7, None, "", "\ud800"):
        odd = base64.urlsafe_b64encode(json.dumps({**head, "alg": algorithm}).encode()).rstrip(b"=").decode()
        await refused(service, f"{odd}.{token.partition('.')[2]}", "signed by ES256, RS256")
    first, body, last = token.split(".")
    said = orjson.loads(base64.urlsafe_b64decode(body + "=="))
    raised = base64.urlsafe_b64encode(orjson.dumps({**said, "clearance": "RED"})).rstrip(b"=").decode()
    await refused(service, f"{first}.{raised}.{last}", "InvalidSignatureError")
    for broken in (f"{first}.{body}.", f"{first}..{last}", "eyJ..", f"eyJ{first}.x.y", token + "A" * 9_000):
        assert (await service.by(broken).get("/v1/events")).status in {400, 401, 431}, broken[:20]


@pytest.mark.parametrize(
    "claims",
    [{"exp": "99999999999"}, {"exp": None}, {"exp": True}, {"exp": 1e300}, {"iat": "now"}, {"sub": ""}, {"sub": "a\nb"}, {"sub": 'a"b'}, {"sub": "a b"}, {"sub": "\ud800"}, {"sub": 7},
     {"sub": "x" * 201}, {"nbf": 9e9}, {"iat": 9e9}, {"exp": 1}],
)  # fmt: skip
async def test_what_a_token_says_wrongly_is_refused(claims: dict[str, Any]):
    clock = ManualClock(datetime.now(UTC))
    judge = oidc.Issuer("https://i.example", audience=AUDIENCE, algorithms=["RS256"], skew_seconds=30, clock=clock)
    good = {"sub": "a", "exp": time.time() + 60, "scope": "incidentlog:read"}
    assert judge._reader(good).clearance == Tlp.CLEAR
    with pytest.raises(oidc.Unauthenticated):
        judge._reader({**good, **claims})


async def test_an_issuer_that_comes_back_with_another_key_is_believed_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
):
    """Its tokens name no key: one that does not fit lets the service look, but not every time."""
    async with log_called("test_api_oidc_back", server) as access, provider() as first:
        before, port = await first.token("reader"), urlsplit(first.url).port or 0
        clock = ManualClock(datetime.now(UTC))
        async with serving(access, settings=settings(first), clock=clock) as service:
            assert (await service.by(before).get("/v1/events")).status == 200
            first.process.terminate()
            await first.process.wait()
            async with provider(port) as second:
                after = await second.token("reader")
                await refused(service, after, "InvalidSignatureError")
                monkeypatch.setattr(oidc, "AGAIN_SECONDS", -1.0)
                assert (await service.by(after).get("/v1/events")).status == 200
                await refused(service, before, "InvalidSignatureError")


async def test_keys_that_an_issuer_rotates_are_looked_for_but_not_for_every_token(monkeypatch: pytest.MonkeyPatch):
    keys = {name: rsa.generate_private_key(public_exponent=65_537, key_size=2_048) for name in ("one", "two", "none")}
    published, looks = ["one"], 0

    async def configuration(request: web.Request) -> web.Response:
        return web.json_response({"issuer": f"http://{request.host}", "jwks_uri": f"http://{request.host}/keys"})

    async def jwks(_: web.Request) -> web.Response:
        nonlocal looks
        looks += 1
        to_jwk = jwt.algorithms.RSAAlgorithm.to_jwk
        told = [{**to_jwk(keys[n].public_key(), as_dict=True), "kid": n, "use": "sig"} for n in published]
        return web.json_response({"keys": [*told, {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"}]})

    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", configuration)
    app.router.add_get("/keys", jwks)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    judge = oidc.Issuer(
        url, audience=AUDIENCE, algorithms=["RS256"], skew_seconds=0, clock=ManualClock(datetime.now(UTC))
    )

    def token(kid: str | None, signed_by: str) -> str:
        said = {"iss": url, "aud": [AUDIENCE, "other"], "sub": "a", "exp": time.time() + 600}
        return jwt.encode(said, keys[signed_by], "RS256", headers={} if kid is None else {"kid": kid})

    async def opens(kid: str | None, signed_by: str) -> bool:
        try:
            return (await judge.reader(token(kid, signed_by))).name == "oidc:a"
        except oidc.Unauthenticated:
            return False

    try:
        assert await opens("one", "one")
        assert await opens(None, "one")
        published[:] = ["one", "two"]
        assert [await opens("two", "two") for _ in range(10)] == [False] * 10  # not looked for so soon
        assert looks == 1
        monkeypatch.setattr(oidc, "AGAIN_SECONDS", -1.0)
        assert await opens("two", "two")
        assert await opens("one", "one")
        assert looks == 2
        assert not await opens(None, "one")  # of two keys it has to say which
        assert not await opens("two", "one")
        assert not await opens("one", "none")
        assert not await opens("shared", "none")
        published[:] = ["two"]
        monkeypatch.setattr(oidc, "KEPT_SECONDS", -1.0)
        assert not await opens("one", "one")  # withdrawn
        assert await opens("two", "two")
    finally:
        await runner.cleanup()


async def test_an_issuer_that_is_away_is_no_fault_of_the_token(server: Server, issuer: Provider):
    async with provider() as gone:
        token = await gone.token("reader")
    clock = ManualClock(datetime.now(UTC))
    async with (
        log_called("test_api_oidc_away", server) as access,
        serving(access, settings=settings(gone), clock=clock) as service,
    ):
        answer = await service.by(token).get("/v1/events")
        assert (answer.status, answer.slug) == (503, "unavailable")
        assert (await service.get("/v1/events")).status == 200  # keys need nobody


async def test_a_socket_is_opened_with_a_token_and_ends_with_it(service: Served, issuer: Provider):
    token = await issuer.token("reader")
    auth = {"Authorization": f"Bearer {token}"}
    async with service.session.ws_connect(f"{service.url}/v1/live", protocols=[PROTOCOL], headers=auth) as socket:
        assert (await socket.receive_json(timeout=60))["auth"]["name"] == "oidc:reader"
        claims = jwt.decode(token, options={"verify_signature": False})
        await service.clock.advance(datetime.fromtimestamp(claims["exp"], UTC))
        async with asyncio.timeout(60):
            while (await socket.receive()).type not in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}:
                pass
        assert socket.close_code == 4401
    assert (await service.by(await issuer.token("unmarked")).ask("POST", "/v1/session")).status == 403


@pytest.mark.parametrize(
    "given",
    [
        {"oidc_issuer": "https://login.example.org"},
        {"oidc_audience": "x"},
        {"oidc_issuer": "http://login.example.org", "oidc_audience": "x"},
        {"oidc_issuer": "http://localhost.example.org", "oidc_audience": "x"},
        {"oidc_issuer": "https://login.example.org/?x", "oidc_audience": "x"},
        {"oidc_algorithms": ["HS256"]},
        {"oidc_algorithms": ["none"]},
        {"oidc_algorithms": []},
    ],
)
def test_what_is_no_issuer_cannot_be_set(given: dict[str, Any]):
    with pytest.raises(ValidationError):
        Settings(**given)
