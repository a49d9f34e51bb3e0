"""Tokens of another's issuer (OpenID Connect): JWTs that are signed by a key it publishes, for this service, in time.

What is discovered, and the keys, are kept; a key that is not known yet is looked for, but not every time that a token
names one. What a reader may do is in the token: its scopes as `incidentlog:read`, its clearance as a marking.
"""

import asyncio
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp
import orjson
import structlog

from incidentlog.clock import Clock
from incidentlog.errors import Unauthenticated, Unavailable
from incidentlog.events.values import TLP_LABELS, Tlp
from incidentlog.service.keys import SCOPES, Reader

PREFIX: Final = "oidc:"
"""How the names of such readers begin; no key is called so."""
SCOPE_PREFIX: Final = "incidentlog:"
"""How our scopes begin in a token: other services of the issuer have a `read`, too."""
KEPT_SECONDS: Final = 3_600.0
"""For how long the keys are taken for the issuer's: one that it has withdrawn opens nothing after that."""
AGAIN_SECONDS: Final = 30.0
"""How long after one look for keys there is no other, however many tokens name keys that are not known."""
LOOK_SECONDS: Final = 5.0
DOCUMENT_BYTES: Final = 256 * 1024
TOKEN_BYTES: Final = 8_000
SUBJECT: Final = re.compile(r"[!#-\[\]-~]{1,200}")
"""What a subject may be, which becomes a name: visible ASCII, without the quotes that texts put around it."""

log = structlog.get_logger(__name__)


class Issuer:
    """An issuer that is believed, and what it is believed to have said for us."""

    def __init__(
        self,
        url: str,
        *,
        audience: str,
        algorithms: Sequence[str],
        skew_seconds: float,
        clock: Clock,
        scopes_claim: str = "scope",
        clearance_claim: str = "clearance",
    ) -> None:
        """`audience` is how the issuer calls this service; of other algorithms no token is read."""
        self.url, self._audience, self._algorithms = url, audience, frozenset(algorithms)
        self._skew_seconds, self._clock = skew_seconds, clock
        self._scopes_claim, self._clearance_claim = scopes_claim, clearance_claim
        self._keys: Mapping[str | None, dict[str, Any]] = {}
        self._kept_at = self._looked_at = -math.inf
        self._looking = asyncio.Lock()

    async def reader(self, token: str) -> Reader:
        """Whose token it is. Raises Unauthenticated with what is wrong with it, Unavailable where nobody can say."""
        import jwt  # noqa: PLC0415 - an extra

        if len(token) > TOKEN_BYTES:
            raise Unauthenticated("the token is too long")
        try:
            head = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise Unauthenticated("the token cannot be read") from None
        algorithm = head.get("alg")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise Unauthenticated(f"tokens are signed by {', '.join(sorted(self._algorithms))}")
        kid = head.get("kid")
        key = await self._key(kid)
        if key is None:
            raise Unauthenticated("the token is signed by a key that its issuer does not publish")
        try:
            try:
                said = self._opened(token, key, algorithm)
            except jwt.InvalidSignatureError:
                # A token need not name its key: the only one may be another by now.
                other = None if kid is not None else await self._key(None, instead_of=key)
                if other is None:
                    raise
                said = self._opened(token, other, algorithm)
        except (jwt.PyJWTError, TypeError, ValueError) as error:
            raise Unauthenticated(f"the token is not for this service: {type(error).__name__}") from None
        return self._reader(said)

    def _opened(self, token: str, key: dict[str, Any], algorithm: str) -> dict[str, Any]:
        """What a token says, whenever that is; raises what PyJWT does for one that is not signed so, or not for us."""
        import jwt  # noqa: PLC0415 - an extra

        if key.get("alg", algorithm) != algorithm:
            raise jwt.InvalidAlgorithmError("its key is for another algorithm")
        # When it is valid is judged here, by the clock that everything goes by, and by numbers alone.
        return jwt.decode(
            token,
            jwt.PyJWK(key, algorithm=algorithm),
            algorithms=[algorithm],
            audience=self._audience,
            issuer=self.url,
            options={
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "require": ["iss", "aud", "exp", "sub"],
            },
        )

    def _reader(self, said: Mapping[str, Any]) -> Reader:
        now = self._clock.now().timestamp()
        ends = _seconds(said["exp"])
        if now >= ends + self._skew_seconds:
            raise Unauthenticated("the token has expired")
        for claim in ("nbf", "iat"):
            if claim in said and _seconds(said[claim]) > now + self._skew_seconds:
                raise Unauthenticated("the token is not valid yet")
        subject = said["sub"]
        if not isinstance(subject, str) or not SUBJECT.fullmatch(subject):
            raise Unauthenticated("the token's subject is no name")
        return Reader(PREFIX + subject, self._scopes(said), self._clearance(said), _instant(ends))

    def _scopes(self, said: Mapping[str, Any]) -> frozenset[str]:
        told = said.get(self._scopes_claim, ())
        named = told.split(" ") if isinstance(told, str) else told if isinstance(told, list) else ()
        return frozenset(s for s in SCOPES if SCOPE_PREFIX + s in named)

    def _clearance(self, said: Mapping[str, Any]) -> int:
        told = said.get(self._clearance_claim)
        if told is None:
            return int(Tlp.CLEAR)
        if told not in TLP_LABELS:
            raise Unauthenticated(f"the token's {self._clearance_claim} is none of {', '.join(TLP_LABELS)}")
        return TLP_LABELS.index(told)

    async def _key(self, kid: str | None, instead_of: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """A key of the issuer's (RFC 7517) by its id, without one its only key, and not the one that did not fit.

        None where there is no such key.
        """
        clock = asyncio.get_running_loop().time
        if (
            self._keys.get(kid, instead_of) != instead_of and clock() - self._kept_at <= KEPT_SECONDS
        ):  # whoever waits for others is not known here
            return self._keys[kid]
        async with self._looking:
            now = clock()
            stale = now - self._kept_at > KEPT_SECONDS
            if (stale or self._keys.get(kid, instead_of) == instead_of) and now - self._looked_at > AGAIN_SECONDS:
                self._looked_at = now
                try:
                    self._keys, self._kept_at = await self._look(), now
                except (
                    aiohttp.ClientError,
                    TimeoutError,
                    OSError,
                    ValueError,
                    LookupError,
                    TypeError,
                    AttributeError,
                ) as error:
                    log.warning("issuer_away", issuer=self.url, error=f"{type(error).__name__}: {error}"[:200])
                else:
                    stale = False
            if stale:
                raise Unavailable("the issuer of tokens does not answer")
            found = self._keys.get(kid)
            return None if found == instead_of else found

    async def _look(self) -> Mapping[str | None, dict[str, Any]]:
        """The keys that the issuer publishes. Raises where it does not answer, or answers something else."""
        timeout = aiohttp.ClientTimeout(total=LOOK_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            told = await _document(session, f"{self.url.rstrip('/')}/.well-known/openid-configuration")
            if told["issuer"] != self.url:
                raise ValueError("it says of itself that it is another")
            where = told["jwks_uri"]
            if not (isinstance(where, str) and where.startswith(("https://", self.url.partition("//")[0] + "//"))):
                raise ValueError("its keys are at no address that could be trusted")
            published = (await _document(session, where))["keys"]
        # No secrets that both sides have (`oct`): whoever read one here could sign.
        keys: dict[str | None, dict[str, Any]] = {
            each.get("kid"): each
            for each in published
            if each.get("use", "sig") == "sig" and each.get("kty") in {"RSA", "EC", "OKP"}
        }
        if len(keys) == 1:
            keys[None] = next(iter(keys.values()))
        return keys


async def _document(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(url, allow_redirects=False) as response:
        response.raise_for_status()
        if response.status != 200:  # noqa: PLR2004
            raise ValueError(f"{url} answers {response.status}")
        text = await response.content.read(DOCUMENT_BYTES)
        while piece := await response.content.read(DOCUMENT_BYTES):
            text += piece
            if len(text) > DOCUMENT_BYTES:
                raise ValueError(f"{url} is too large")
    told = orjson.loads(text)
    if not isinstance(told, dict):
        raise ValueError(f"{url} is no JSON object")  # noqa: TRY004 - a document of another's
    return told


def _seconds(told: Any) -> float:
    """A NumericDate (RFC 7519 §2). Raises Unauthenticated for what is none."""
    if isinstance(told, bool) or not isinstance(told, int | float) or not abs(told) < 1e11:  # noqa: PLR2004
        raise Unauthenticated("the token's times are numbers of seconds")
    return float(told)


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
