"""Following: the live protocol (docs/live-protocol.md), over WebSockets and as server-sent events."""

from incidentlog.live.hub import Hub
from incidentlog.live.messages import Subscribe
from incidentlog.live.passes import Reader
from incidentlog.live.session import PROTOCOL

__all__ = ["PROTOCOL", "Hub", "Reader", "Subscribe"]
