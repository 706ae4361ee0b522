"""Renders a site's pages in the shared layout, with sign-in and translations; each site's wiring makes one `Pages`."""

from collections.abc import Callable
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, FastAPI, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.exceptions import HTTPException

from shared.errors import Unavailable
from shared.http import problems
from shared.http.auth import SESSION_COOKIE, SESSION_SECONDS, Access, Authenticator
from shared.registry import Registry
from shared.settings import Settings
from shared.web.languages import LANGUAGE_COOKIE, LANGUAGES, Catalogue, Language, in_language, language_of

_HERE = Path(__file__).parent


class SignInNeeded(Exception):
    """Raised by `page_access`: the browser is sent to the sign-in page and comes back."""


async def page_access(request: Request) -> Access:
    """FastAPI dependency of pages: the access behind the request, else the sign-in page."""
    authenticator: Authenticator = request.app.state.auth
    access = authenticator.admit(request)
    if access is None:
        raise SignInNeeded
    return access


class Pages:
    """Templates of one site (`package` holds `templates/` and `locale/`, perhaps `static/`) over the shared ones."""

    def __init__(self, package: Path, settings: Settings, now: Callable[[], datetime]) -> None:
        self.catalogue = Catalogue([_HERE / "locale", package / "locale"])
        self._package = package
        self._settings = settings
        self._now = now
        self.zone = ZoneInfo(settings.timezone)
        self._environment = Environment(
            loader=FileSystemLoader([package / "templates", _HERE / "templates"]),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, request: Request, template: str, status: int = 200, /, **context: Any) -> HTMLResponse:
        """The page as an answer; remembers the language that was asked for."""
        language = language_of(request)
        body = self._environment.get_template(template).render(self._shared_context(request, language) | context)
        response = HTMLResponse(
            body, status, {"cache-control": "no-store", "content-language": language, "vary": "Accept-Language, Cookie"}
        )
        if "lang" in request.query_params:
            response.set_cookie(LANGUAGE_COOKIE, language, max_age=31_536_000, httponly=True, samesite="lax")
        return response

    def fragment(self, template: str, language: Language, /, **context: Any) -> str:
        """A piece of a page, or a mail, without a request."""
        return self._environment.get_template(template).render(self._text_context(language) | context)

    def install(self, app: FastAPI) -> None:
        """Mounts static files, sign-in and the HTML form of problems."""
        app.mount("/static/shared", StaticFiles(directory=_HERE / "static"), name="shared-static")
        if (self._package / "static").is_dir():
            app.mount("/static/site", StaticFiles(directory=self._package / "static"), name="site-static")
        app.include_router(self._sign_in_routes())
        app.add_exception_handler(SignInNeeded, self._to_sign_in)
        for kind in (problems.Problem, Unavailable, HTTPException, RequestValidationError, Exception):
            before = app.exception_handlers[kind]
            app.add_exception_handler(kind, self._as_page(before))

    def _shared_context(self, request: Request, language: Language) -> dict[str, Any]:
        authenticator: Authenticator | None = request.app.state.auth
        access = _quietly(authenticator, request) if authenticator else None
        others = {other: "?" + urlencode({**request.query_params, "lang": other}) for other in LANGUAGES}
        return self._text_context(language) | {
            "request": request,
            "path": request.url.path,
            "principal": access.principal if access else None,
            "language_links": others,
            "sites": self._sites(),
            "site": request.app.state.service,
            "synthetic": authenticator is not None and is_synthetic(authenticator.registry),
        }

    def _text_context(self, language: Language) -> dict[str, Any]:
        zone = self.zone
        return {
            "lang": language,
            "_": lambda text, **values: (
                self.catalogue.gettext(language, text) % values if values else self.catalogue.gettext(language, text)
            ),
            "ngettext": lambda one, many, n: self.catalogue.ngettext(language, one, many, n) % {"n": n},
            "name": lambda texts: in_language(texts, language),
            "when": lambda moment: format_time(moment, zone),
            "now": self._now,
        }

    def _sites(self) -> dict[str, str]:
        return {
            name: str(getattr(self._settings, f"public_url_{name}") or "").rstrip("/")
            for name in ("intake", "notify", "reporting")
        }

    def _sign_in_routes(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)

        @router.get("/login")
        def show(request: Request, next: str = "/") -> Response:
            return self.render(request, "login.html", next=_local(next), failed=False)

        @router.post("/login")
        def sign_in(
            request: Request, key: str = Form(max_length=200), next: str = Form("/", max_length=2000)
        ) -> Response:
            authenticator: Authenticator = request.app.state.auth
            principal = authenticator.by_key(key.strip())
            if principal is None:
                return self.render(request, "login.html", 401, next=_local(next), failed=True)
            response = RedirectResponse(_local(next), 303)
            secure = request.url.scheme == "https"
            response.set_cookie(
                SESSION_COOKIE,
                authenticator.session(principal),
                max_age=SESSION_SECONDS,
                httponly=True,
                samesite="strict",
                secure=secure,
            )
            return response

        @router.post("/logout")
        def sign_out() -> Response:
            response = RedirectResponse("/login", 303)
            response.delete_cookie(SESSION_COOKIE)
            return response

        return router

    async def _to_sign_in(self, request: Request, _: Exception) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse("/login?next=" + quote(request.url.path + query), 303)

    def _as_page(self, before: Callable[[Request, Exception], Any]) -> Callable[[Request, Exception], Any]:
        async def handle(request: Request, error: Exception) -> Response:
            answer: Response = await before(request, error)
            if "text/html" not in request.headers.get("accept", "") or request.url.path.startswith("/v1/"):
                return answer
            problem = problems.unavailable(error) if isinstance(error, Unavailable) else error
            told = problem if isinstance(problem, problems.Problem) else None
            return self.render(request, "problem.html", answer.status_code, problem=told, status=answer.status_code)

        return handle


def is_synthetic(registry: Registry) -> bool:
    """Whether any unit here is invented: then every page says so."""
    return any(unit.get("synthetic") for unit in registry.all("units").values())


def format_time(moment: datetime | date | None, zone: tzinfo) -> str:
    """A moment as `2023-02-20 14:05` in the product's time zone, a day as `2023-02-20`, nothing as a dash."""
    if moment is None:
        return "–"
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M") if isinstance(moment, datetime) else moment.isoformat()


def _quietly(authenticator: Authenticator, request: Request) -> Access | None:
    # The layout only greets whoever is signed in; a bad key has been refused before a page is rendered.
    try:
        return authenticator.access(request)
    except problems.Problem:
        return None


def _local(target: str) -> str:
    # Only a path of this site: `//host` and `/\host` lead elsewhere in a browser.
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"
