"""What every answer of scoring's web server has, as the other services' have it: the correlation id, and problem
details where there is nothing. Given to faust by shell.
"""

import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from shared.http.correlation import HEADER, correlation_of
from shared.http.problems import MEDIA_TYPE, of_status

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The handler's answer, or what the router says instead, under the caller's correlation id."""
    try:
        answer = await handler(request)
    except web.HTTPException as error:
        problem = of_status(error.status, error.reason).document(request.path)
        answer = web.Response(body=json.dumps(problem).encode(), status=error.status, content_type=MEDIA_TYPE)
    answer.headers[HEADER] = correlation_of(request.headers.get(HEADER))
    return answer
