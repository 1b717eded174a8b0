"""What the settings in service.config are made of."""
