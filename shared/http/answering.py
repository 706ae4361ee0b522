"""Every exception below a route becomes an answer with problem details. Installed by the app factory."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from shared.errors import Unavailable
from shared.http.form_texts import chinese
from shared.http.problems import FieldError, Problem, invalid, of_status, respond, unavailable


def handle_errors(app: FastAPI) -> None:
    """Registers the answers below."""
    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(Unavailable, on_unavailable)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_invalid_request)
    app.add_exception_handler(Exception, on_bug)


async def on_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return respond(request, error)


async def on_unavailable(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Unavailable)
    return respond(request, unavailable(error))


async def on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return respond(request, of_status(error.status_code, str(error.detail), error.headers))


async def on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    """FastAPI's own validation, without echoing what was sent."""
    assert isinstance(error, RequestValidationError)
    return respond(request, invalid([_field_error(found) for found in error.errors()]))


async def on_bug(request: Request, _: Exception) -> JSONResponse:
    """A bug: says nothing of the inside; the log has the rest under the same correlation id."""
    return respond(
        request,
        Problem(
            500,
            "internal_error",
            "Something went wrong here; it has been logged under this correlation id.",
            zh="服务内部出错，已按此关联编号记录。",
        ),
    )


def _field_error(found: Mapping[str, Any]) -> FieldError:
    where, *path = [str(part) for part in found["loc"]]
    pointer = "/" + "/".join(path) if where == "body" else f"{where}:{'/'.join(path)}"
    if found["type"] == "json_invalid":
        said = str(found.get("ctx", {}).get("error", ""))
        return FieldError("", "json_invalid", f"The body is not JSON: {said}", f"内容不是有效的 JSON：{said}")
    pointer = pointer.rstrip("/") if where == "body" else pointer
    return FieldError(pointer, str(found["type"]), str(found["msg"]), chinese(found))
