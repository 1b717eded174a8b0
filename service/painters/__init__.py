"""Painters: networks that learn to paint in a preset's style in one pass."""
