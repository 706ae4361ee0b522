"""`keycounty demo`: a synthetic round through the real services, checked against a plain recomputation."""
