"""
Weights as `lingbi convert --weights int4 --block 32` stores them, so that a model learns to answer with them too:
gradients are taken at rounded weights, and move those that were rounded.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from model import XComposer

BLOCK, LEVELS = 32, 16


@contextmanager
def rounded(model: XComposer, active: bool = True) -> Iterator[None]:
    """Inside, the decoder's matrices and its head are rounded, if `active`; afterwards they are as before."""
    matrices = [parameter for name, parameter in model.named_parameters() if is_rounded(name)] if active else []
    before = [matrix.data for matrix in matrices]
    for matrix in matrices:
        matrix.data = in_blocks(matrix.data)
    try:
        yield
    finally:
        for matrix, data in zip(matrices, before):
            matrix.data = data


def is_rounded(name: str) -> bool:
    """Adapters, embeddings, norms, tower and projector are not."""
    return name == "output.weight" or (name.startswith("model.layers.") and name.endswith((".wqkv.weight", ".wo.weight", ".w1.weight", ".w2.weight", ".w3.weight")))  # fmt: skip


def in_blocks(weight: Tensor) -> Tensor:
    """The nearest of 16 levels between the least and the largest number of each block, 0 among them."""
    blocks = weight.float().view(-1, BLOCK)
    least, most = blocks.amin(1, keepdim=True).clamp(max=0), blocks.amax(1, keepdim=True).clamp(min=0)
    scale = ((most - least) / (LEVELS - 1)).clamp(min=1e-12)
    zero = (-least / scale).round()
    levels = (blocks / scale + zero).round().clamp(0, LEVELS - 1)
    return ((levels - zero) * scale).view_as(weight).to(weight.dtype)
