"""Inputs by chance: damaged pictures for the reader."""
