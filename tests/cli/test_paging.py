"""Reading what is listed in pages, from a service that is not to be trusted."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from incidentlog.cli.asking import Service
from incidentlog.cli.ending import Failed
from incidentlog.cli.paging import pages


@pytest.mark.parametrize(
    "following", [".example.org/v1/things", "@example.org/v1/things", "https://example.org/v1/things"]
)
async def test_a_next_page_at_another_host_is_not_asked_for(following: str):
    """Put behind the service's address, each of these names somebody else, who would be shown the key."""
    asked = []

    async def things(request: web.Request) -> web.Response:
        asked.append(request.query_string)
        return web.json_response({"things": [1], "next": following})

    app = web.Application()
    app.router.add_get("/v1/things", things)
    async with TestServer(app) as server, Service(str(server.make_url("")), "a-key") as service:
        told = pages(service, "/v1/things", limit=7)
        assert (await anext(told))["things"] == [1]
        with pytest.raises(Failed, match="elsewhere for the next page"):
            await anext(told)
    assert asked == ["limit=7"]
