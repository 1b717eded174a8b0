"""Adam (Kingma & Ba 2015) over the parameters of painters, by torch's function.

torch.optim.Adam, the class, imports torch's compiler when it is made, which nothing here needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam


class Adam:
    """The moments of parameters, and the steps that follow from their gradients.

    Attributes:
        rate: learning rate of the next step.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], rate: float) -> None:
        self.rate = rate
        self._parameters = list(parameters)
        self._means = [torch.zeros_like(parameter) for parameter in self._parameters]
        self._squares = [torch.zeros_like(parameter) for parameter in self._parameters]
        self._steps = [
            torch.tensor(0.0) for _ in self._parameters
        ]  # on the CPU, as a GPU would have to be waited for

    @torch.no_grad()
    def step(self) -> None:
        """Change the parameters that have a gradient."""
        used = [k for k, parameter in enumerate(self._parameters) if parameter.grad is not None]
        adam(
            [self._parameters[k] for k in used],
            [self._parameters[k].grad for k in used],  # type: ignore[misc]
            [self._means[k] for k in used],
            [self._squares[k] for k in used],
            [],
            [self._steps[k] for k in used],
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, list[Tensor]]:
        """Return the moments. These tensors change with the next step."""
        return {"means": self._means, "squares": self._squares, "steps": self._steps}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Copy moments that `state_dict` returned."""
        for name, own in self.state_dict().items():
            for tensor, value in zip(own, state[name], strict=True):
                tensor.copy_(value)
