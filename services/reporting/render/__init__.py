"""Renderings of a frozen evaluation: tables, and from them CSV, XLSX and PDF. The same evaluation gives the same
bytes.
"""
