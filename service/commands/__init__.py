"""The commands of `python -m service`, a module each, loaded only when called for: the web side needs no torch."""
