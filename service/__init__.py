"""Neural style transfer by optimisation (Gatys, Ecker, Bethge 2015/2016) as an HTTP service."""

import os

__version__ = "0.1.0"

# Turns of its loop for which an idle thread of torch waits for work before it sleeps; read when torch is loaded.
# libgomp's own 300,000 keep a core from whoever could use it: two workers on one pair of cores took 3.5 times as long
# instead of twice as long, at times 25 times. Fewer turns, or none (OMP_WAIT_POLICY=passive), cost 5 to 30 % alone.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")
