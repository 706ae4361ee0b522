"""The site: overview, unit, enterprise, round, evaluation and operations pages, made on the server."""
