"""Webhooks: events are posted to addresses that somebody subscribed, in order, at least once (docs/webhooks.md)."""

from incidentlog.webhooks.addresses import Networks
from incidentlog.webhooks.deliverer import Deliverer
from incidentlog.webhooks.sending import Outcome, Sender

__all__ = ["Deliverer", "Networks", "Outcome", "Sender"]
