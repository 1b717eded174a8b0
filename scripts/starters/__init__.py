"""The pictures of the presets that a new service begins with, drawn from nothing: one module a style."""
