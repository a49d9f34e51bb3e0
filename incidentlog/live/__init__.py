"""Following: the live protocol (API §2) over WebSockets."""

from incidentlog.live.hub import Hub
from incidentlog.live.session import PROTOCOL, Reader

__all__ = ["PROTOCOL", "Hub", "Reader"]
