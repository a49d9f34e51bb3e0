"""A client of a log: append, ask, and follow without losing anything.

    async with Client("http://127.0.0.1:8080", key) as client:
        await client.append(event)
        async with client.subscribe("city_incidents", group_by=["place"]) as cities:
            async for change in cities:
                print(change.set)

Everything that the service refuses is raised as the class of `incidentlog.errors` that says so.
"""

from incidentlog.client.answers import Appended, Basis, Bulk, RefusedEvent, Rows, Subject
from incidentlog.client.chain import Cursor
from incidentlog.client.changes import Cause, Change, Event, Events, Notice, Row
from incidentlog.client.client import Client
from incidentlog.client.problems import BY_SLUG, EndedError, NotOursError, UnreachableError
from incidentlog.client.resume import FileStore, MemoryStore, Resume, ResumeError, ResumeStore
from incidentlog.client.subscription import Feed, Subscription
from incidentlog.errors import Fault, Problem

__all__ = [
    "BY_SLUG",
    "Appended",
    "Basis",
    "Bulk",
    "Cause",
    "Change",
    "Client",
    "Cursor",
    "EndedError",
    "Event",
    "Events",
    "Fault",
    "Feed",
    "FileStore",
    "MemoryStore",
    "NotOursError",
    "Notice",
    "Problem",
    "RefusedEvent",
    "Resume",
    "ResumeError",
    "ResumeStore",
    "Row",
    "Rows",
    "Subject",
    "Subscription",
    "UnreachableError",
]
