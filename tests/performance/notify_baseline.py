"""What notify is held against: a consumer that posts each message's bytes and commits, and does nothing else."""

import uuid

import httpx
from aiokafka import AIOKafkaConsumer

from tests.faults.notify.deployment import Deployment


async def post_each(deployment: Deployment) -> None:
    """Until cancelled."""
    topic = deployment.topic("hazards.v1")
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=deployment.kafka,
        group_id=f"bare-{uuid.uuid4()}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        async with httpx.AsyncClient() as http:
            async for record in consumer:
                subject = dict(record.headers)["ce_subject"].decode()
                body = {"data": {"id": subject}}
                url = f"{deployment.receiver.url}/{record.key.decode()}.hook"
                await http.post(url, json=body, headers={"webhook-id": subject})
                await consumer.commit()
    finally:
        await consumer.stop()
