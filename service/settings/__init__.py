"""The parts that the settings in service.config are made of."""
