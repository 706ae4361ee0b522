"""What the container images and `docker-compose.yml` need besides the services."""
