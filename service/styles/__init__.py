"""Styles: presets, their Gram matrices and the cache of those."""
