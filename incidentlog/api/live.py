"""Where WebSockets come in."""

from aiohttp import web

routes = web.RouteTableDef()
