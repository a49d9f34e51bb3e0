"""Every refusal the service makes: a slug that never changes, a status, and the values in the message.

REST answers them as problem+json (RFC 9457), the live protocol and the CLI with the same slugs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where (RFC 6901), a code that never changes, and a sentence."""

    pointer: str
    code: str
    detail: str
    line: int | None = None
    """In a request of many lines the one that is meant, from 1."""

    def as_json(self) -> dict[str, Any]:
        """The fault as it is sent."""
        told: dict[str, Any] = {"pointer": self.pointer, "code": self.code, "detail": self.detail}
        return told if self.line is None else {"line": self.line, **told}


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """A refusal. Subclasses say which; nothing was written."""

    slug: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "The service failed"
    retry_after: int | None = None
    """Seconds after which trying again makes sense; None where it does not."""

    def __init__(self, detail: str = "", *, errors: Sequence[Fault] = (), **extra: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = tuple(errors)
        self.extra = extra
        """Further members of the answer, such as the version a stream is at."""

    def as_json(self) -> dict[str, Any]:
        """The members of problem+json, without those that only the transport knows."""
        body: dict[str, Any] = {
            "type": f"/problems/{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = [fault.as_json() for fault in self.errors]
        return body | self.extra


class BadRequest(Problem):
    """The request cannot be read: broken JSON, a parameter of the wrong form."""

    slug, status, title = "bad-request", 400, "The request cannot be read"


class InvalidEvent(Problem):
    """The event breaks rules; `errors` names every one."""

    slug, status, title = "invalid-event", 422, "The event is not valid"


class Unauthenticated(Problem):
    """No key, or one that is not known."""

    slug, status, title = "unauthenticated", 401, "A key is needed"


class Forbidden(Problem):
    """The key does not reach so far."""

    slug, status, title = "forbidden", 403, "The key does not allow this"


class NotFound(Problem):
    """There is no such thing, for this reader."""

    slug, status, title = "not-found", 404, "There is no such thing"


class MethodNotAllowed(Problem):
    """The path is right, the method is not."""

    slug, status, title = "method-not-allowed", 405, "The method is not allowed here"


class NotAcceptable(Problem):
    """None of the formats asked for can be made."""

    slug, status, title = "not-acceptable", 406, "No such format"


class RequestTimeout(Problem):
    """The body did not arrive in time."""

    slug, status, title = "request-timeout", 408, "The body did not arrive in time"


class IdConflict(Problem):
    """The id is in the log with other content."""

    slug, status, title = "id-conflict", 409, "The id is taken by other content"


class Erased(Problem):
    """The id is in the log, but a part of its event was erased (`record.erased`): it is not taken in again."""

    slug, status, title = "erased", 410, "The event was erased"


class VersionRetired(Problem):
    """The projection has moved on to a version that this node does not know: it is to be replaced by a newer one."""

    slug, status, title = "version-retired", 410, "The version is retired"


class WrongVersion(Problem):
    """The stream is not at the version expected."""

    slug, status, title = "wrong-version", 412, "The stream has moved on"


class TooLarge(Problem):
    """The body, a line, or their number is over the limit."""

    slug, status, title = "too-large", 413, "Too large"


class UnsupportedMediaType(Problem):
    """The body is of a type that is not read here."""

    slug, status, title = "unsupported-media-type", 415, "The content type is not read here"


class UnsupportedEncoding(Problem):
    """The body is coded (`Content-Encoding`) in a way that is not read here; `Accept-Encoding` says which are."""

    slug, status, title = "unsupported-encoding", 415, "The content coding is not read here"


class Misdirected(Problem):
    """The service is asked by a name that is none of its own: `INCIDENTLOG_HOSTS` says which are."""

    slug, status, title = "misdirected", 421, "This is not the service's name"


class StreamFull(Problem):
    """The stream holds 10,000 events."""

    slug, status, title = "stream-full", 422, "The stream is full"


class RefusedLines(Problem):
    """A bulk request has bad lines; `errors` names them, nothing was written."""

    slug, status, title = "refused-lines", 422, "Some lines are refused"


class Overloaded(Problem):
    """The queue is full."""

    slug, status, title, retry_after = "overloaded", 503, "The queue is full", 1


class TooManyConnections(Problem):
    """This key, or this address without one, has as many at once as one may; the others are for others."""

    slug, status, title, retry_after = "too-many-connections", 429, "Too many at once of one key or address", 5


class TooManyRequests(Problem):
    """This key, or this address without one, asks too often: `Retry-After` says when it may again."""

    slug, status, title = "too-many-requests", 429, "Too many requests of one key or address"

    def __init__(self, detail: str = "", *, retry_after: int = 1, **extra: Any) -> None:
        super().__init__(detail, **extra)
        self.retry_after = retry_after


class TooManyWebhooks(Problem):
    """The key has as many webhooks as one may."""

    slug, status, title = "too-many-webhooks", 409, "The key has too many webhooks"


class HeadTooLarge(Problem):
    """A header of the request, or all of them, are over the limit."""

    slug, status, title = "head-too-large", 431, "The request's head is too large"


class Unavailable(Problem):
    """The database does not answer."""

    slug, status, title, retry_after = "unavailable", 503, "The database does not answer", 2


class ProjectionLagging(Problem):
    """The projection has not reached the position that was asked for, in the time given."""

    slug, status, title, retry_after = "projection-lagging", 503, "The projection is not that far yet", 1


class NoWayBack(Problem):
    """There is no earlier build of the projection that this code could bring back."""

    slug, status, title = "no-way-back", 409, "There is no build to go back to"


class NothingToCancel(Problem):
    """Nothing of the projection is being built that this code could do without."""

    slug, status, title = "nothing-to-cancel", 409, "There is no build to cancel"


class NotSealed(Problem):
    """No signed tree head covers this yet."""

    slug, status, title, retry_after = "not-sealed", 503, "It is not sealed yet", 1


class Tampered(Problem):
    """The log contradicts what was known of it: it was cut, restored or exchanged. An operator has to look."""

    slug, status, title = "tampered", 503, "The log contradicts what was known of it"


class Internal(Problem):
    """A fault of ours; the trace id finds it in the log."""


PROBLEMS: tuple[type[Problem], ...] = tuple(Problem.__subclasses__())
"""All of them, for the pages at `/problems/<slug>` and for clients."""
