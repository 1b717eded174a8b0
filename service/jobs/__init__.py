"""The durable queue of transfers."""
