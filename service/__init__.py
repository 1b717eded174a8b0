"""Neural style transfer by optimisation (Gatys, Ecker, Bethge 2015/2016) as an HTTP service."""

__version__ = "0.1.0"
