"""A soak: tenants that ask for twice what the workers can do, while processes are killed."""
