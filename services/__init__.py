"""The four services. None imports another: what two need is an event."""
