"""The HTTP side: one blueprint for each resource, one shape for every error."""
