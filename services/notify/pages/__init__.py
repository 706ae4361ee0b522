"""Notify's own site: the duty board, one alert, and the page behind an acknowledgement link."""
