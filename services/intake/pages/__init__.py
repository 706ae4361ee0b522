"""Intake's pages in the browser: filling in, findings and receipts, rounds, keys. Installed by intake's wiring."""
