"""The pure fold of scoring: inspections.v1 in, risk and hazards out. Called by the worker, replay and tests."""
