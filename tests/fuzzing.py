"""Attacks on the HTTP interfaces of a running system, drawn by Hypothesis and Schemathesis, and what they may not do:
answer with a 5xx, or store what was not accepted. Used by tests/fuzz and, shorter, by tests/integration/fuzz.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.fuzz_bodies import DAY, honest
from tests.hostile import ODD_TEXTS, as_bytes, broken_bytes, hostile_files, mutated
from tests.system import ROUND, County

SERVICES = ("intake", "notify", "reporting")
ENDLESS = {"/v1/stream"}
PAGES = {
    "intake": ("/", "/login"),
    "notify": ("/", "/alerts/{id}", "/login", "/ack/{id}"),
    "reporting": ("/", "/units/{id}", "/enterprises/{id}", "/rounds/{id}", "/evaluations/{id}", "/operations"),
}
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789-"
HEADERS = [
    "round_id",
    "stage",
    "unit_id",
    "enterprise_id",
    "checklist",
    "inspected_on",
    "item",
    "outcome",
    "description",
]
ROW = [ROUND, "self_inspection", "linzi", "91370305MA3KEY0T16", "mhd-2017-121", DAY, "5", "finding", "罐区"]
FILES = hostile_files(HEADERS, ROW)
BATCHES = ("/v1/inspections/batch", "/v1/hazard-units/batch", "/v1/rectifications/batch")


@dataclass
class Attack:
    """Counts what was sent and answered; `known` are ids that answers named, to use again: what came before decides
    what comes next.
    """

    county: County
    statuses: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)
    written: int = 0
    known: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        system = self.county.system
        self.urls: dict[str, str] = system.run["services"]
        self.keys: dict[str, str | None] = {"admin": system.run["admin_key"], **system.keys, "nobody": None}
        self.keys["stranger"] = "kc_" + "f" * 64
        self.known |= dict.fromkeys([self.county.unit, ROUND, *self.county.enterprises, "national", "team-1"])
        self.http = httpx.Client(timeout=60)
        self.session = requests.Session()
        self.schemas = {name: self._described(name) for name in SERVICES}
        self.operations = [
            (name, found.ok())
            for name, schema in self.schemas.items()
            for found in schema.get_all_operations()
            if found.ok().path not in ENDLESS
        ]

    def _described(self, name: str) -> Any:
        document = self.http.get(f"{self.urls[name]}/openapi.json").json()
        return schemathesis.openapi.from_dict(document)

    def _known_id(self, data: st.DataObject) -> str:
        # A number of a fixed range, as Hypothesis wants every run to draw from the same ones.
        return list(self.known)[-1 - data.draw(st.integers(0, 2**16)) % len(self.known)]

    def _finding(self) -> str:
        """Something that may be the id of a finding."""
        return next((name for name in reversed(self.known) if name.count("-") == 4), "x")

    def close(self) -> None:
        self.http.close()
        self.session.close()

    def one(self, data: st.DataObject) -> None:
        """One request of a kind drawn."""
        kinds = (
            self._from_schema,
            self._from_schema,
            self._mutated,
            self._mutated,
            self._broken,
            self._page,
            self._file,
        )
        kind = data.draw(st.sampled_from(kinds))
        # Those who may do the most come oftener: a request that is refused for its role reaches little code.
        often = [self.county.enterprises[0], "county", "expert", "national", "admin"]
        kind(data, data.draw(st.sampled_from([*sorted(self.keys), *often, *often])))
        self.kinds[kind.__name__.strip("_")] += 1

    def _from_schema(self, data: st.DataObject, who: str) -> None:
        name, operation = data.draw(st.sampled_from(self.operations))
        mode = data.draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
        case = data.draw(operation.as_strategy(generation_mode=mode))
        for parameter in list(case.path_parameters or {}):
            if data.draw(st.booleans()):
                case.path_parameters[parameter] = self._known_id(data)
        self.call(name, case, who)

    def _mutated(self, data: st.DataObject, who: str) -> None:
        method, path, body = data.draw(st.sampled_from(honest(self.county, self._finding())))
        body = data.draw(mutated(body))
        self.send(
            "intake",
            method,
            path,
            who,
            as_bytes(body),
            **{"idempotency-key": data.draw(st.text(ALPHABET, min_size=1, max_size=12))},
        )

    def _broken(self, data: st.DataObject, who: str) -> None:
        method, path, body = data.draw(st.sampled_from(honest(self.county, self._finding())))
        media = data.draw(
            st.sampled_from(("application/json", "text/plain", "application/xml", "application/json; charset=utf-16"))
        )
        self.send(
            "intake",
            method,
            path,
            who,
            data.draw(broken_bytes(body)),
            **{"content-type": media, "idempotency-key": "b"},
        )

    def _page(self, data: st.DataObject, who: str) -> None:
        name = data.draw(st.sampled_from(SERVICES))
        path = data.draw(st.sampled_from(PAGES[name]))
        id = data.draw(st.one_of(st.none(), st.sampled_from(ODD_TEXTS), st.text(max_size=8))) or self._known_id(data)
        query = data.draw(st.sampled_from(("", "?lang=en", "?lang=x", "?lang=%00", "?limit=0", "?cursor=e30")))
        cookie = data.draw(
            st.sampled_from(
                ("", "kc_session=x", "kc_session=a.b.c", "kc_session=..", "kc_session=a.9e9.c", "kc_lang=zz")
            )
        )
        self.send(
            name,
            "GET",
            path.replace("{id}", quote(id, safe="", errors="surrogatepass")) + query,
            who,
            None,
            cookie=cookie,
        )

    def _file(self, data: st.DataObject, who: str) -> None:
        path = data.draw(st.sampled_from((*BATCHES, "/v1/evidence", "/v1/evaluations/verify")))
        name = "reporting" if "evaluations" in path else "intake"
        small = {label: file for label, file in FILES.items() if len(file[1]) < 300_000}
        media, content = data.draw(st.sampled_from(sorted(small.values())))
        cut = data.draw(st.integers(0, len(content)))
        self.send(name, "POST", path, who, content[:cut], **{"content-type": media})

    def send(
        self, name: str, method: str, path: str, who: str, content: bytes | None, **headers: str
    ) -> httpx.Response | None:
        """Sends, and takes the answer in. A header that HTTP cannot carry is not sent."""
        sent = {"content-type": "application/json"} | {key: value for key, value in headers.items() if value}
        if (key := self.keys[who]) is not None:
            sent["authorization"] = f"Bearer {key}"
        try:
            answer = self.http.request(method, self.urls[name] + path, content=content, headers=sent)
        except (httpx.InvalidURL, httpx.LocalProtocolError, UnicodeEncodeError):
            return None
        self.take(
            f"{who}: {method} {name}{path[:200]} {(content or b'')[:600]!r}",
            method,
            path,
            answer.status_code,
            answer.headers,
            answer.content,
        )
        return answer

    def call(self, name: str, case: Any, who: str) -> None:
        headers = (
            {"idempotency-key": "schema"} if "idempotency-key" not in {h.lower() for h in (case.headers or {})} else {}
        )
        if (key := self.keys[who]) is not None:
            headers["authorization"] = f"Bearer {key}"
        try:
            answer = case.call(base_url=self.urls[name], session=self.session, headers=headers, timeout=60)
        except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, UnicodeEncodeError, ValueError):
            return
        told = f"{who}: {case.method} {name}{answer.request.path_url[:200]} {str(case.body)[:600]}"
        self.take(told, case.method, answer.request.path_url, answer.status_code, answer.headers, answer.content)

    def take(self, told: str, method: str, path: str, status: int, headers: Any, content: bytes) -> None:
        """Notes an answer: crashes, errors that are no problem details, ids, and what was accepted."""
        self.statuses[status] += 1
        if status >= 500:
            self.crashes.append(f"{status} {told} -> {content[:300]!r}")
        found = headers.get("content-type", "")
        kind = found if isinstance(found, str) else ", ".join(found)
        if 400 <= status < 500 and "/v1/" in path and status != 405 and "problem+json" not in kind:
            self.untold.append(f"{status} {kind} {told}")
        changing = 200 <= status < 300 and method in ("PUT", "DELETE", "POST")
        self.written += changing and ("/v1/registry/" in path or "/v1/keys" in path)
        for line in content[:100_000].splitlines()[:200] if "json" in kind and status < 300 else ():
            self._learn(line, changing)

    def _learn(self, line: bytes, changing: bool) -> None:
        try:
            found = json.loads(line)
        except ValueError:
            return
        waiting = [found]
        while waiting:
            each = waiting.pop()
            if isinstance(each, list):
                waiting += each[:50]
            elif isinstance(each, dict):
                if changing and isinstance(each.get("submission_id"), str):
                    self.accepted.add(each["submission_id"])
                self.known |= {
                    value: None for name, value in each.items() if name.endswith("id") and isinstance(value, str)
                }
                waiting += [value for value in each.values() if isinstance(value, dict | list)]

    def stored(self) -> set[str]:
        """The ids of all submissions that intake holds."""
        found: set[str] = set()
        cursor = ""
        while True:
            page = self.county.system.ok("GET", "intake", f"/v1/inspections?kind=&limit=500{cursor}", "national")
            found |= {each["submission_id"] for each in page["items"]}
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    def changes(self) -> int:
        """How many changes of the registry there were."""
        count, cursor = 0, ""
        while True:
            page = self.county.system.ok("GET", "intake", f"/v1/audit?limit=500{cursor}", "admin")
            count += len(page["items"])
            if page["next_cursor"] is None:
                return count
            cursor = f"&cursor={page['next_cursor']}"


def fuzzed(attack: Attack, requests: int, seeded: int) -> None:
    """That many requests; the same seed draws the same ones from the same system."""

    @seed(seeded)
    @settings(
        max_examples=requests,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def send(data: st.DataObject) -> None:
        attack.one(data)

    send()


def every_file_to_every_door(attack: Attack) -> dict[str, Counter[int]]:
    """Each hostile file to each route that takes files, by somebody who may send there. Answers the statuses."""
    found: dict[str, Counter[int]] = {}
    code = attack.county.enterprises[0]
    doors = [("intake", path, code) for path in (*BATCHES, "/v1/evidence")]
    for label, (media, content) in FILES.items():
        statuses: Counter[int] = Counter()
        for name, path, who in [*doors, ("reporting", "/v1/evaluations/verify", "national")]:
            answer = attack.send(name, "POST", path, who, content, **{"content-type": media})
            statuses[0 if answer is None else answer.status_code] += 1
        found[label] = statuses
    return found
