"""Our L-BFGS beside SciPy's L-BFGS-B and Adam, on the same objective at one level.

    python -m bench.methods

It prints for each pair the objective of the delivered picture (x 10^4; default weights, float32, 8 bits) after 20, 40
and 80 evaluations from the content image on. All methods get the same gradients, in the precision that the service
chooses on this machine.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.optimize
import torch
from torch import Tensor

from bench import engine, pictures
from bench.measure import Stopwatch
from bench.objectives import evaluate, plain_objective
from bench.pictures import Pair
from bench.report import seconds, table
from service.engine.canvas import to_picture, to_tensor
from service.engine.methods import ADAM_STEP, HISTORY, METHODS
from service.engine.optimizer import minimize
from service.engine.problem import Problem, value_and_gradient
from service.machine.threads import let_idle_threads_sleep
from service.options import TransferOptions

SIZE = 256  # pixels on the long edge
MARKS = (20, 40, 80)  # evaluations after which the best image is judged
AVERAGE = 0.8  # share of itself that the average of Adam's iterates keeps at a step

Trace = dict[int, Tensor]
"""Number of evaluations -> the best image so far, or the average of the last ones."""


def main() -> None:
    let_idle_threads_sleep()
    rows = []
    for name in pictures.names():
        contest = Contest(pictures.pair(name).at(SIZE))
        rows += [[name, method, *contest.judged(run)] for method, run in contest.methods().items()]
    print(table(["pair", "method", *(f"after {n}" for n in MARKS), "time"], rows))


class Contest:
    """One pair's objective, and the methods that minimise it."""

    def __init__(self, pair: Pair) -> None:
        options = TransferOptions(size=SIZE)
        self._content = to_tensor(pair.content, engine.CPU)
        grams = engine.extractor().grams(pair.style, list(options.style_layers))
        targets = {layer: torch.tensor(gram) for layer, gram in grams.items()}
        encoder = engine.encoder(engine.precision())
        self._objective = plain_objective(encoder, self._content, targets, options)
        self._judge = plain_objective(encoder.exact, self._content, targets, options)
        self._evaluate = value_and_gradient(self._terms, 1.0)

    def _terms(self, image: Tensor) -> dict[str, Tensor]:
        return self._objective.losses(image, image)

    def methods(self) -> dict[str, Callable[[], Trace]]:
        return {
            **{f"ours, {name}": lambda name=name: self._ours(name) for name in METHODS},  # type: ignore[misc]
            "SciPy L-BFGS-B": self._scipy,
            "Adam, average of iterates": self._averaged_adam,
        }

    def judged(self, run: Callable[[], Trace]) -> list[str]:
        clock = Stopwatch()
        trace = run()
        taken = clock.seconds()
        delivered = [to_tensor(to_picture(trace[n]), engine.CPU) for n in MARKS]
        return [f"{evaluate(self._judge, image, image).total * 1e4:.0f}" for image in delivered] + [seconds(taken)]

    def _ours(self, method: str) -> Trace:
        problem = Problem(self._terms, torch.zeros(()), torch.ones(()))
        steps = minimize(problem, self._content, method, MARKS[-1])
        return {step.iteration: step.point.variable for step in steps if step.iteration in MARKS}

    def _scipy(self) -> Trace:
        trace: Trace = {}
        best, calls = np.inf, 0

        def function(x: np.ndarray) -> tuple[float, np.ndarray]:
            nonlocal best, calls
            image = torch.tensor(x, dtype=torch.float32).view(self._content.shape)
            gradient, loss, _ = self._evaluate(image)
            calls += 1
            trace.update({n: image for n in MARKS if calls <= n and float(loss) < best})
            best = min(best, float(loss))
            return float(loss) * 1e4, gradient.double().flatten().numpy() * 1e4

        start = self._content.double().flatten().numpy()
        options = {"maxcor": HISTORY, "maxfun": MARKS[-1], "maxiter": MARKS[-1], "ftol": 0, "gtol": 0}
        bounds = scipy.optimize.Bounds(0, 1)
        scipy.optimize.minimize(function, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        return trace

    def _averaged_adam(self) -> Trace:
        image, average = self._content.clone(), self._content.clone()
        mean, square = torch.zeros_like(image), torch.zeros_like(image)
        trace: Trace = {}
        for n in range(1, MARKS[-1] + 1):
            gradient = self._evaluate(image)[0]
            mean.lerp_(gradient, 0.1)
            square.lerp_(gradient.square(), 0.001)
            step = ADAM_STEP * mean / (1 - 0.9**n) / (square / (1 - 0.999**n)).sqrt().clamp_min(1e-30)
            image = (image - step).clamp(0, 1)
            average.lerp_(image, max(1 / n, 1 - AVERAGE))
            trace |= {n: average.clone()} if n in MARKS else {}
        return trace


if __name__ == "__main__":
    main()
