"""Connections to hosts that callers name: which hosts and addresses are allowed, and pictures fetched from them."""
