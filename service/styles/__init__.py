"""Styles: presets, their painters, their Gram matrices, and the cache of Gram matrices."""
