"""Webhooks: allowed hosts, signing, sending, and the dispatcher thread."""
