"""The presets that a new service begins with: pictures of our own, which `python -m scripts.starters` draws."""
