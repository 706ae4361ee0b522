"""The bare baseline of `make bench-intake`: FastAPI, one majority insert, one acks=all send; no validation, no
receipts.

Run as a process: `python -m tests.performance.intake_baseline PORT KAFKA MONGO`.
"""

import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI, Request, Response
from pymongo import AsyncMongoClient
from pymongo.write_concern import WriteConcern

TOPIC = "keycounty.bench-baseline.v1"


def app(kafka: str, mongo: str) -> FastAPI:
    """The app; its clients belong to its loop."""

    @asynccontextmanager
    async def lifespan(found: FastAPI) -> AsyncIterator[None]:
        found.state.producer = AIOKafkaProducer(
            bootstrap_servers=kafka, acks="all", enable_idempotence=True, linger_ms=2
        )
        await found.state.producer.start()
        client: AsyncMongoClient[Any] = AsyncMongoClient(mongo)
        concern = WriteConcern(w="majority", j=True)
        found.state.collection = client.bench_baseline.get_collection("submissions", write_concern=concern)
        yield
        await found.state.producer.stop()
        await client.close()

    made = FastAPI(lifespan=lifespan)

    @made.post("/submissions", status_code=201)
    async def post(request: Request) -> Response:
        raw, id = await request.body(), str(uuid.uuid4())
        await request.app.state.collection.insert_one({"_id": id, "record": raw})
        await request.app.state.producer.send_and_wait(TOPIC, raw, id.encode())
        return Response(b'{"id": "' + id.encode() + b'"}', 201, media_type="application/json")

    return made


if __name__ == "__main__":
    port, kafka_address, mongo_address = sys.argv[1:]
    uvicorn.run(app(kafka_address, mongo_address), port=int(port), access_log=False, log_level="warning")
