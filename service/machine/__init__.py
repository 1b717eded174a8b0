"""This machine: memory, devices, processes and ports."""
