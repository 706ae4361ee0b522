"""RFC 9457 problem details: the one way an HTTP service says no."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from shared.errors import Unavailable

MEDIA_TYPE = "application/problem+json"
_TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    412: "Changed meanwhile",
    413: "Too large",
    415: "Media type not supported",
    422: "Not valid",
    428: "Precondition required",
    429: "Too many requests",
    500: "Internal error",
    503: "Not available",
    507: "Store is full",
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong: JSON pointer into the body (or `query:name`, `header:name`), stable code, text for a person."""

    pointer: str
    code: str
    detail: str

    def document(self) -> dict[str, str]:
        return {"pointer": self.pointer, "code": self.code, "detail": self.detail}


@dataclass
class Problem(Exception):
    """Raise it anywhere below a route; the app answers with it. `code` becomes the last part of `type`."""

    status: int
    code: str
    detail: str
    errors: Sequence[FieldError] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(f"{self.status} {self.code}: {self.detail}")

    def document(self, instance: str) -> dict[str, Any]:
        """The body as RFC 9457 wants it."""
        found: dict[str, Any] = {
            "type": f"urn:keycounty:problem:{self.code}",
            "title": _TITLES.get(self.status, "Problem"),
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            **self.extra,
        }
        if self.errors:
            found["errors"] = [error.document() for error in self.errors]
        return found


def not_found(detail: str = "There is nothing here that you may read.") -> Problem:
    """404: unknown, or out of the caller's scope."""
    return Problem(404, "not_found", detail)


def forbidden(detail: str) -> Problem:
    """403: the caller's role never may."""
    return Problem(403, "forbidden", detail)


def conflict(code: str, detail: str) -> Problem:
    """409: against the present state of the thing."""
    return Problem(409, code, detail)


def invalid(errors: Sequence[FieldError], detail: str | None = None) -> Problem:
    """422: the body is not valid; `errors` names everything at once."""
    count = len(errors)
    return Problem(
        422,
        "invalid",
        detail or f"{count} {'thing is' if count == 1 else 'things are'} wrong with the request.",
        tuple(errors),
    )


def unavailable(error: Unavailable) -> Problem:
    """503 with `Retry-After` in whole seconds."""
    retry = str(max(1, round(error.retry_after_s)))
    return Problem(
        503,
        f"{error.part}_unavailable",
        f"The {error.part} is away; nothing was done. Try again.",
        headers={"Retry-After": retry},
    )


def respond(request: Request, problem: Problem) -> JSONResponse:
    """The answer for a problem."""
    return JSONResponse(problem.document(request.url.path), problem.status, dict(problem.headers), MEDIA_TYPE)


async def on_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return respond(request, error)


async def on_unavailable(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Unavailable)
    return respond(request, unavailable(error))


async def on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    title = _TITLES.get(error.status_code, "Problem")
    code = title.lower().replace(" ", "_")
    return respond(request, Problem(error.status_code, code, str(error.detail), headers=error.headers or {}))


async def on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    """FastAPI's own validation, without echoing what was sent."""
    assert isinstance(error, RequestValidationError)
    return respond(request, invalid([_field_error(found) for found in error.errors()]))


async def on_bug(request: Request, _: Exception) -> JSONResponse:
    """A bug: says nothing of the inside; the log has the rest under the same correlation id."""
    return respond(
        request,
        Problem(500, "internal_error", "Something went wrong here; it has been logged under this correlation id."),
    )


def _field_error(found: Mapping[str, Any]) -> FieldError:
    where, *path = [str(part) for part in found["loc"]]
    pointer = "/" + "/".join(path) if where == "body" else f"{where}:{'/'.join(path)}"
    if found["type"] == "json_invalid":
        return FieldError("", "json_invalid", "The body is not JSON: " + str(found.get("ctx", {}).get("error", "")))
    return FieldError(pointer.rstrip("/") if where == "body" else pointer, str(found["type"]), str(found["msg"]))
