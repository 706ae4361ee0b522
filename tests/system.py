"""A running system as its users see it: `keycounty up` in a process of its own, and raw HTTP, SMTP and webhook ends.

For tests/e2e, tests/faults and tests/browser, which import nothing of ours.
"""

import asyncio
import contextlib
import email
import email.policy
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller
from stdnum.cn import uscc

KEYCOUNTY = Path(sys.executable).with_name("keycounty")
ROUND = "2023-1"
CLOCK_START = "2023-02-20T01:00:00+00:00"
SECRET = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I="


def eventually(probe: Callable[[], Any], seconds: float = 30.0, what: str = "", every: float = 0.1) -> Any:
    """Polls until the probe answers something true. AssertionError when it has not by then."""
    deadline = time.monotonic() + seconds
    found = None
    while time.monotonic() < deadline:
        found = probe()
        if found:
            return found
        time.sleep(every)
    raise AssertionError(f"not within {seconds:.0f} s: {what or probe} (last: {found!r})")


@dataclass
class Answer:
    """Status, headers and body of an HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def call(method: str, url: str, key: str | None = None, body: Any = None, **headers: str) -> Answer:
    """One HTTP call with the standard library; `body` is sent as JSON unless it is bytes."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    sent = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if key:
        sent["authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, data, sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return Answer(answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, dict(error.headers), error.read())


@dataclass
class Inbox:
    """An SMTP sink and a webhook receiver on free ports; they took (channel, address, message id, content)."""

    taken: list[tuple[str, str, str, Any]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._smtp = Controller(_Mailbox(self.taken), hostname="127.0.0.1", port=free_port())
        self._smtp.start()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _hook(self.taken))
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._smtp.stop()
        self._http.shutdown()
        self._http.server_close()

    @property
    def smtp_url(self) -> str:
        return f"smtp://127.0.0.1:{self._smtp.port}"

    @property
    def hook_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def webhooks(self, contact: str) -> list[Any]:
        return [content for channel, to, _, content in list(self.taken) if (channel, to) == ("webhook", contact)]

    def mails(self, address: str) -> list[str]:
        return [content for channel, to, _, content in list(self.taken) if (channel, to) == ("email", address)]


class _Mailbox:
    def __init__(self, taken: list[tuple[str, str, str, Any]]) -> None:
        self.taken = taken

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        text = message.get_body(("plain",))
        content = "" if text is None else text.get_content()
        self.taken.append(("email", envelope.rcpt_tos[0], str(message["Message-ID"]), content))
        return "250 taken"


def _hook(taken: list[tuple[str, str, str, Any]]) -> type[BaseHTTPRequestHandler]:
    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            taken.append(("webhook", self.path.strip("/"), self.headers["webhook-id"], json.loads(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Hook


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_base() -> int:
    """A base below which `keycounty up --port-base` finds its ports free."""
    # Below the ports that the kernel hands out to clients: one of those may be taken between this look and the start.
    for number in range(200):
        base = 10_000 + (os.getpid() + number) % 200 * 100
        with contextlib.suppress(OSError):
            for offset in range(1, 94):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", base + offset))
            return base
    raise AssertionError("no free range of ports")


class System:
    """`keycounty up` as a child process."""

    def __init__(self, data_dir: Path, inbox: Inbox, *arguments: str, **environment: str) -> None:
        self.data_dir = data_dir
        self.inbox = inbox
        self._arguments = arguments
        self._base = free_base()
        simulated = {"KEYCOUNTY_CLOCK_START": CLOCK_START, "KEYCOUNTY_SMTP_URL": inbox.smtp_url}
        self._environment = os.environ | simulated | environment
        self.keys: dict[str, str] = {}

    def start(self) -> "System":
        command = [
            str(KEYCOUNTY),
            "up",
            "--data-dir",
            str(self.data_dir),
            "--port-base",
            str(self._base),
            *self._arguments,
        ]
        self._log = (self.data_dir.parent / f"{self.data_dir.name}.log").open("ab")
        self.process = subprocess.Popen(command, env=self._environment, stdout=self._log, stderr=self._log)
        eventually(self._is_up, 120, "keycounty up")
        return self

    def stop(self) -> int:
        """SIGTERM and the exit code; within 20 s."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        self._log.close()
        return code

    def _is_up(self) -> bool:
        assert self.process.poll() is None, self.log()
        return (self.data_dir / "run.json").exists()

    def log(self) -> str:
        return Path(self._log.name).read_text()[-6000:]

    @property
    def run(self) -> Any:
        """run.json as it stands."""
        return json.loads((self.data_dir / "run.json").read_text())

    def replicas(self, service: str) -> list[str]:
        """The addresses of a service's replicas."""
        return list(self.run["replicas"][service])

    def kill(self, name: str) -> None:
        """kill -9 of every process of a service, the broker (`kafka`) or the store (`mongo`)."""
        for pid in self.run["pids"][name]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def call(
        self, method: str, service: str, path: str, key: str = "admin", body: Any = None, **headers: str
    ) -> Answer:
        run = self.run
        secret = run["admin_key"] if key == "admin" else self.keys[key]
        return call(method, run["services"][service] + path, secret, body, **headers)

    def ok(self, method: str, service: str, path: str, key: str = "admin", body: Any = None, **headers: str) -> Any:
        answer = self.call(method, service, path, key, body, **headers)
        assert answer.status in (200, 201, 204), (method, path, answer.status, answer.body.decode())
        return answer.json if answer.body else None

    def submit(self, path: str, key: str, body: Any, idempotency_key: str | None = None, **headers: str) -> Answer:
        name = idempotency_key or hashlib.sha256(json.dumps([path, key, body], sort_keys=True).encode()).hexdigest()
        return self.call("POST", "intake", path, key, body, Idempotency_Key=name, **headers)


@dataclass
class County:
    """One registered unit with its authorities, team, round and enterprises, in a running system."""

    system: System
    unit: str = "linzi"
    enterprises: list[str] = field(default_factory=list)

    def register(self, enterprises: int = 4, extra: dict[str, Any] | None = None) -> "County":
        """Puts everything through the API and takes keys for each role."""
        put = self._put
        hook = self.system.inbox.hook_url
        put("authorities/national", _authority("national", None, hook))
        put("authorities/province-37", _authority("province", "national", hook, "province-37"))
        put("authorities/prefecture-3703", _authority("prefecture", "province-37", hook, "prefecture-3703"))
        county = f"county-{self.unit}"
        put(f"authorities/{county}", _authority("county", "prefecture-3703", hook, county))
        name = {"zh": "临淄区", "en": "Linzi District"}
        put(
            f"units/{self.unit}",
            {"name": name, "kind": "district", "division_code": None, "division_list": None, "authority": county},
        )
        self.enterprises = [make_uscc("370305", number) for number in range(1, enterprises + 1)]
        for number, code in enumerate(self.enterprises, 1):
            body = {
                "name": {"zh": f"示例企业{number}", "en": f"Sample {number}"},
                "unit_id": self.unit,
                "category": "storage",
                "park_id": None,
            }
            put(f"enterprises/{code}", body)
        put("teams/team-1", {"name": "Team 1", "units": [self.unit], "members": []})
        put(f"rounds/{ROUND}", round_body())
        put(f"enrolments/{ROUND}:{self.unit}", self.enrolment(**(extra or {})))
        self._take_keys(county)
        return self

    def enrolment(self, **changes: Any) -> Any:
        return {
            "round_id": ROUND,
            "unit_id": self.unit,
            "guidance_class": "improvement",
            "decided_by": "national office",
            "reason": "test",
            "team_id": "team-1",
            "expert_target": 1,
            "enterprises": self.enterprises,
        } | changes

    def _put(self, path: str, body: Any) -> None:
        self.system.ok("PUT", "intake", f"/v1/registry/{path}", "admin", body)

    def _take_keys(self, county: str) -> None:
        wanted = {code: ("enterprise", {"enterprises": [code]}) for code in self.enterprises}
        wanted |= {
            "county": ("county", {"authority": county}),
            "expert": ("expert", {"team": "team-1"}),
            "national": ("national", {}),
        }
        for name, (role, scope) in wanted.items():
            answer = self.system.ok(
                "POST", "intake", "/v1/keys", "admin", {"role": role, "scope": scope, "label": name}
            )
            self.system.keys[name] = answer["key"]
        # A replica learns of a key that another has made a moment later.
        paths = {"intake": f"/v1/registry/units/{self.unit}", "notify": "/v1/alerts", "reporting": "/v1/units"}
        for service, path in paths.items():
            for replica in self.system.replicas(service):
                eventually(lambda url=replica + path: self._counts(url), 10, f"the keys at {replica}")

    def _counts(self, url: str) -> bool:
        return call("GET", url, self.system.keys["national"]).status == 200

    def inspection(self, enterprise: str, stage: str = "self_inspection", **changes: Any) -> Any:
        return {
            "round_id": ROUND,
            "stage": stage,
            "unit_id": self.unit,
            "enterprise_id": enterprise,
            "inspected_on": "2023-02-15",
            "inspector": {"name": "Zhang", "position": "safety officer"},
            "checklist": "mhd-2017-121",
            "results": results(),
            "grading": {"deductions": {"1.1": 4, "4.1": 2.5}, "bonuses": {}, "direct_red": []},
            "supersedes_reason": None,
            "late_reason": None,
            "drill": False,
        } | changes


def results(*findings: str, due_on: str = "2023-03-20") -> list[Any]:
    """Answers to all 20 items; `findings` are the items found wrong."""
    answers: list[Any] = []
    for number in range(1, 21):
        item = str(number)
        if item in findings:
            answers.append(
                {
                    "item": item,
                    "outcome": "finding",
                    "grade": "major",
                    "ref": "TF-2",
                    "location": "tank farm 2",
                    "due_on": due_on,
                }
            )
        else:
            answers.append({"item": item, "outcome": "conform"})
    return answers


def round_body(**changes: Any) -> Any:
    window = {"from": "2023-02-06T00:00:00+08:00", "to": "2023-03-18T00:00:00+08:00"}
    windows = dict.fromkeys(("self_inspection", "re_examination", "expert_verification"), window)
    return {
        "year": 2023,
        "number": 1,
        "status": "open",
        "windows": windows,
        "important_periods": [],
        "key_tasks": [],
    } | changes


def make_uscc(region: str, number: int) -> str:
    body = f"91{region}MATET{number:04}"
    return body + str(uscc.calc_check_digit(body))


def _authority(tier: str, parent: str | None, hook: str, name: str = "national") -> Any:
    contacts = [
        {
            "id": f"{name}-mail",
            "channel": "email",
            "target": f"{name}@keycounty.example",
            "secret": None,
            "locale": "zh-CN",
            "hours": None,
        },
        {
            "id": f"{name}-hook",
            "channel": "webhook",
            "target": f"{hook}/{name}",
            "secret": SECRET,
            "locale": "en",
            "hours": None,
        },
    ]
    return {"name": {"zh": name, "en": name}, "tier": tier, "parent": parent, "units": None, "contacts": contacts}


@contextlib.contextmanager
def running(data_dir: Path, *arguments: str, **environment: str) -> Iterator[System]:
    """A system for as long as the block; stopped at its end whatever happened."""
    with Inbox() as inbox:
        system = System(data_dir, inbox, *arguments, **environment).start()
        try:
            yield system
        finally:
            if system.process.poll() is None:
                system.stop()


def run_async(coroutine: Any) -> Any:
    """Runs a client coroutine (Kafka) from a plain test."""
    return asyncio.run(coroutine)
