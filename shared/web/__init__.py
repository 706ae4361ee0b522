"""The look that the three sites share: layout, sign-in, translations, static files."""
