"""Neural style transfer (Gatys, Ecker, Bethge 2015/2016) as an HTTP service: by optimisation, or by painters."""

__version__ = "0.1.0"
