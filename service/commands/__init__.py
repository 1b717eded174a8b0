"""The commands of `python -m service`, one module each, imported only when needed: the web side needs no torch."""
