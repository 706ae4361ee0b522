"""Backups of what no log can rebuild: their format, taking them, and bringing them back. Used by the command line."""
