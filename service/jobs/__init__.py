"""The durable queue of transfers: callers use `queue`, workers `leases`."""
