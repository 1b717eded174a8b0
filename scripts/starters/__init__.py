"""The pictures of the presets that a new service begins with, drawn by code: one module for each style."""
