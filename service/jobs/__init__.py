"""The durable job queue: callers use `queue`, workers `leases`."""
