"""Routes of receipts: a subject's chain, and the keys to verify it with."""

from typing import Any

from fastapi import APIRouter, Response

from services.intake.ports import SubmissionStore
from shared.http.auth import Access, Current
from shared.http.paging import Cursor, Limit, number_in, page
from shared.http.permissions import Action
from shared.http.problems import not_found
from shared.receipts import SigningKeys


def router(submissions: SubmissionStore, keys: SigningKeys) -> APIRouter:
    """The routes."""
    found = APIRouter()

    @found.get("/v1/receipts/{subject}", response_model=None)
    async def chain(subject: str, access: Current, limit: Limit = 500, cursor: Cursor = None) -> dict[str, Any]:
        """The receipts of an enterprise or unit, oldest first."""
        access.require_role(Action.READ_SUBMISSIONS)
        _require_subject(access, subject)
        receipts = await submissions.chain(subject, number_in(cursor, "seq"), limit + 1)
        following = {"seq": receipts[limit - 1]["seq"]} if len(receipts) > limit else None
        return {"subject": subject, **page(receipts[:limit], following)}

    @found.get("/.well-known/receipt-keys.json", response_model=None)
    async def receipt_keys() -> Response:
        """The public keys as a JWK set, for anybody."""
        import orjson

        headers = {"cache-control": "public, max-age=300", "access-control-allow-origin": "*"}
        return Response(orjson.dumps(keys.jwks()), headers=headers, media_type="application/jwk-set+json")

    return found


def _require_subject(access: Access, subject: str) -> None:
    enterprise = access.registry.enterprise(subject)
    if enterprise is not None:
        access.require(Action.READ_SUBMISSIONS, enterprise["unit_id"], subject)
    elif access.registry.unit(subject) is not None:
        access.require(Action.READ_SUBMISSIONS, subject)
    elif not access.allows(Action.READ_SUBMISSIONS, "", subject):
        raise not_found()
