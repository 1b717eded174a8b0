"""The HTTP side: one blueprint a resource, one shape for every error."""
