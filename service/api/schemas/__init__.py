"""Schemas of requests, responses and parameters."""
