"""RFC 9457 problem details: the one way an HTTP service says no."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.errors import Unavailable
from shared.web.languages import Language, language_of

MEDIA_TYPE = "application/problem+json"
_TITLES = {
    400: ("Bad request", "请求有误"),
    401: ("Not signed in", "未登录"),
    403: ("Not allowed", "无权操作"),
    404: ("Not found", "未找到"),
    405: ("Method not allowed", "不支持该方法"),
    409: ("Conflict", "状态冲突"),
    410: ("Gone", "内容已删除"),
    412: ("Changed meanwhile", "内容已被更改"),
    413: ("Too large", "内容过大"),
    415: ("Media type not supported", "不支持该文件类型"),
    422: ("Not valid", "内容有误"),
    428: ("Precondition required", "缺少前提条件"),
    429: ("Too many requests", "请求过于频繁"),
    500: ("Internal error", "内部错误"),
    503: ("Not available", "暂不可用"),
    507: ("Store is full", "存储空间已满"),
}
_OTHER = ("Problem", "出现问题")
_PARTS_ZH = {"store": "存储", "broker": "消息服务", "identity provider": "身份认证服务", "registry": "登记信息"}
DISK = "disk"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong: JSON pointer into the body (or `query:name`, `header:name`), stable code, text for a person;
    `zh` is the same for who reads Chinese.
    """

    pointer: str
    code: str
    detail: str
    zh: str = ""

    def document(self, language: Language = "en") -> dict[str, str]:
        detail = (self.zh if language == "zh-CN" else "") or self.detail
        return {"pointer": self.pointer, "code": self.code, "detail": detail}


@dataclass
class Problem(Exception):
    """Raise it anywhere below a route; the app answers with it. `code` becomes the last part of `type`, `zh` is the
    detail for who reads Chinese.
    """

    status: int
    code: str
    detail: str
    errors: Sequence[FieldError] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    zh: str = ""

    def __post_init__(self) -> None:
        super().__init__(f"{self.status} {self.code}: {self.detail}")

    def document(self, instance: str, language: Language = "en") -> dict[str, Any]:
        """The body as RFC 9457 wants it."""
        chinese = language == "zh-CN"
        found: dict[str, Any] = {
            "type": f"urn:keycounty:problem:{self.code}",
            "title": _TITLES.get(self.status, _OTHER)[chinese],
            "status": self.status,
            "detail": (self.zh if chinese else "") or self.detail,
            "instance": instance,
            **self.extra,
        }
        if self.errors:
            found["errors"] = [error.document(language) for error in self.errors]
        return found


def not_found(
    detail: str = "There is nothing here that you may read.", zh: str = "这里没有您可以查看的内容。"
) -> Problem:
    """404: unknown, or out of the caller's scope."""
    return Problem(404, "not_found", detail, zh=zh)


def forbidden(detail: str, zh: str = "您的角色无权进行此操作。") -> Problem:
    """403: the caller's role never may."""
    return Problem(403, "forbidden", detail, zh=zh)


def too_large(limit_kib: int) -> Problem:
    """413: the body is over its limit."""
    size = f"{limit_kib // 1024} MiB" if limit_kib >= 1024 else f"{limit_kib} KiB"
    return Problem(413, "too_large", f"The body is larger than {size}.", zh=f"内容超过 {size}。")


def conflict(code: str, detail: str, zh: str) -> Problem:
    """409: against the present state of the thing."""
    return Problem(409, code, detail, zh=zh)


def invalid(errors: Sequence[FieldError], detail: str | None = None) -> Problem:
    """422: the body is not valid; `errors` names everything at once."""
    count = len(errors)
    return Problem(
        422,
        "invalid",
        detail or f"{count} {'thing is' if count == 1 else 'things are'} wrong with the request.",
        tuple(errors),
        zh=detail or f"共有 {count} 处错误。",
    )


def of_status(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Problem:
    """For what a web server says by itself, as a 404 or 405."""
    title, zh = _TITLES.get(status, _OTHER)
    return Problem(status, title.lower().replace(" ", "_"), detail, headers=headers or {}, zh=f"{zh}。")


def unavailable(error: Unavailable) -> Problem:
    """503, or 507 for a disk without room, with `Retry-After` in whole seconds."""
    headers = {"Retry-After": str(max(1, round(error.retry_after_s)))}
    if error.part == DISK:
        detail = "The store's disk is full; nothing was done. Try again when there is room."
        return Problem(507, "disk_full", detail, headers=headers, zh="存储磁盘已满，未做任何更改；腾出空间后请重试。")
    return Problem(
        503,
        f"{error.part.replace(' ', '_')}_unavailable",
        f"The {error.part} is away; nothing was done. Try again.",
        headers=headers,
        zh=f"{_PARTS_ZH.get(error.part, error.part)}暂不可用，未做任何更改；请稍后重试。",
    )


def respond(request: Request, problem: Problem) -> JSONResponse:
    """The answer for a problem."""
    document = problem.document(request.url.path, language_of(request))
    return JSONResponse(document, problem.status, dict(problem.headers), MEDIA_TYPE)
