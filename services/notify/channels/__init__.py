"""The channels: each sends one message to one contact and says whether a failure is worth another attempt."""
