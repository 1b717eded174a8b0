"""Tenants and their API keys, and what each web process knows of them."""
