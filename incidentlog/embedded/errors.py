"""The one refusal of this package."""


class EmbeddedError(RuntimeError):
    """The embedded PostgreSQL cannot be started, joined or stopped; the message says why and what to do."""
