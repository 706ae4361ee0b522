"""What notify is held against: a consumer that posts each message's bytes and commits, and does nothing else.

Run as a process: `python -m tests.performance.notify_baseline KAFKA TOPIC RECEIVER`.
"""

import sys
import uuid

import httpx
from aiokafka import AIOKafkaConsumer

from shared.loop import run


async def post_each(kafka: str, topic: str, receiver: str) -> None:
    """Until the process ends."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=kafka,
        group_id=f"bare-{uuid.uuid4()}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    async with httpx.AsyncClient() as http:
        async for record in consumer:
            subject = dict(record.headers)["ce_subject"].decode()
            url = f"{receiver}/{record.key.decode()}.hook"
            await http.post(url, json={"data": {"id": subject}}, headers={"webhook-id": subject})
            await consumer.commit()


if __name__ == "__main__":
    run(post_each(*sys.argv[1:]))
