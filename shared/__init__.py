"""What the four services have in common: events, the bus, rule sets, HTTP. No business decision lives here."""
