"""Notify's HTTP interface: alerts, deliveries, silences, contacts, CAP."""
