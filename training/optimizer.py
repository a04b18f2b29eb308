"""
Muon for matrices, AdamW for all else, both on float32 copies of bfloat16 parameters. Parameters of one
shape lie in one tensor, so that a step takes a few large products.
"""

import torch
from torch import Tensor, nn

#: Coefficients of Keller Jordan's quintic, which brings singular values near 1 in five rounds.
QUINTIC = (3.4445, -4.7750, 2.0315)


def orthogonal(x: Tensor) -> Tensor:
    """[n, rows, columns] → the same directions with all singular values near 1."""
    if x.shape[1] > x.shape[2]:
        return orthogonal(x.transpose(1, 2)).transpose(1, 2)
    a, b, c = QUINTIC
    x = x.bfloat16()
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        squared = x @ x.transpose(1, 2)
        x = a * x + (b * squared + c * squared @ squared) @ x
    return x


class Optimizer:
    """`matrices` turn by their gradient's directions; `others` are moved by AdamW."""

    def __init__(self, matrices: list[nn.Parameter], others: list[nn.Parameter], rate: float, other_rate: float):
        self.rate, self.other_rate = rate, other_rate
        by_shape: dict[torch.Size, list[nn.Parameter]] = {}
        for parameter in matrices:
            by_shape.setdefault(parameter.shape, []).append(parameter)
        self.groups, self.others = list(by_shape.values()), others
        self.masters = [torch.stack([p.detach().float() for p in group]) for group in self.groups]
        self.momenta = [torch.zeros_like(master) for master in self.masters]
        self.master = torch.cat([p.detach().float().flatten() for p in others])
        self.first, self.second = torch.zeros_like(self.master), torch.zeros_like(self.master)
        self.steps = 0

    def step(self, share: float) -> None:
        """One step at `share` of the rates. Gradients are forgotten."""
        self.steps += 1
        for group, master, momentum in zip(self.groups, self.masters, self.momenta):
            gradient = torch.stack([_gradient(p) for p in group])
            momentum.lerp_(gradient, 0.05)
            update = orthogonal(gradient.lerp_(momentum, 0.95)).float()
            size = max(1.0, master.shape[1] / master.shape[2]) ** 0.5
            master.mul_(1 - 0.02 * share * self.rate).sub_(update, alpha=share * self.rate * size)
            for parameter, values in zip(group, master):
                parameter.data.copy_(values)
        self._step_others(share)

    def _step_others(self, share: float) -> None:
        gradient = torch.cat([_gradient(p).flatten() for p in self.others])
        gradient /= max(1.0, gradient.norm().item())
        self.first.lerp_(gradient, 0.1)
        self.second.lerp_(gradient.square(), 0.02)
        first = self.first / (1 - 0.9**self.steps)
        second = self.second / (1 - 0.98**self.steps)
        self.master.sub_(first / (second.sqrt() + 1e-8), alpha=share * self.other_rate)
        for parameter, values in zip(self.others, self.master.split([p.numel() for p in self.others])):
            parameter.data.copy_(values.view_as(parameter))

    def state_dict(self) -> dict:
        names = ("masters", "momenta", "master", "first", "second", "steps")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state: dict) -> None:
        for name, value in state.items():
            setattr(self, name, value)


def _gradient(parameter: nn.Parameter) -> Tensor:
    gradient, parameter.grad = parameter.grad, None
    return torch.zeros_like(parameter, dtype=torch.float32) if gradient is None else gradient.float()


def is_matrix(name: str, parameter: nn.Parameter) -> bool:
    """Matrices between layers. Embeddings, heads and adapters are not."""
    return parameter.dim() == 2 and ("layers." in name or "vision_proj" in name) and "ora_" not in name


def optimizer_of(named: list[tuple[str, nn.Parameter]], rate: float = 0.02, other_rate: float = 3e-3) -> Optimizer:
    matrices = [parameter for name, parameter in named if is_matrix(name, parameter)]
    others = [parameter for name, parameter in named if not is_matrix(name, parameter)]
    return Optimizer(matrices, others, rate, other_rate)
