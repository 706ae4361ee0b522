"""Intake's HTTP routes: one module per kind of resource, each a function from the use cases to a router. Mounted by
wiring.
"""
