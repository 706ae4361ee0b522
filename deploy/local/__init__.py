"""The local runtime: a real Kafka broker and a MongoDB-protocol store without Docker, and the services' supervisor."""
