"""
Stages `chat`, `web` and `write`. `chat` trains everything but the task adapters and keeps schooling
the tower beside it; `web` and `write` train their adapters alone, all else frozen. See README.md.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from batches import Batch, make_batch, schedule
from export import default_config
from generator import families
from model import LORAS, XComposer
from optimizer import Optimizer, optimizer_of
from school import SchoolHeads, school_batch, schooling
from state import ROOT, Log, load_state, save_state


@dataclass(frozen=True)
class Lesson:
    family: Callable
    weight: int
    #: Conversations in a batch: fewer where they are longer.
    size: int
    #: The step that first draws it. One tile and short texts teach to look; the rest builds on that.
    begin: int = 0
    #: The step from which it is not drawn any more.
    end: int = 1_000_000


CHAT = {
    "objects": Lesson(families.objects, 10, 12),
    "codes": Lesson(families.codes, 4, 12),
    "lines": Lesson(families.lines, 2, 16),
    "maps": Lesson(families.maps, 6, 12, end=350),
    "two": Lesson(families.several, 3, 8, 150),
    "three": Lesson(partial(families.several, count=3), 1, 6, 300),
    "later": Lesson(families.later_picture, 2, 8, 300),
    "small codes": Lesson(partial(families.small_codes, turns=1), 1, 6, 400),
    "too small": Lesson(partial(families.too_small, turns=1), 1, 4, 400),
    "video 3": Lesson(families.videos, 1, 8, 300),
    "pages": Lesson(families.page_words, 1, 8, 300, 1450),
    "repeats": Lesson(families.repeats, 2, 12, 600),
    "character maps": Lesson(families.character_maps, 3, 12, end=1000),
    "lists": Lesson(families.lists, 8, 12, 1000),
}
WEB = {
    "screenshots": Lesson(families.screenshots, 1, 8),
    "instructions": Lesson(families.instructions, 1, 8),
}
WRITE = {"articles": Lesson(families.articles, 1, 8)}
STAGES = {"chat": CHAT, "web": WEB, "write": WRITE}
#: Where each stage begins, and the steps and the rate it takes.
BEFORE = {"chat": ("tower",), "web": ("chat",), "write": ("web",)}
STEPS = {"chat": 2130, "web": 130, "write": 50}
#: Of matrices, and of all else.
RATES = {"chat": (0.012, 1.5e-3), "web": (0.02, 3e-3), "write": (0.02, 2e-3)}
SCHOOL_STREAM, SCHOOL_BATCH = 2, 24
#: Streams of examples: stage · 100 + place in its table. Evaluation begins at 1000.
STREAMS = {"chat": 100, "web": 200, "write": 300}
BATCHES_A_STEP = 2
LOOKING_WEIGHT = 0.5


def train_chat(run: str, stage: str, steps: int | None, save_every: float = 90) -> None:
    torch.manual_seed(2)
    steps = steps or STEPS[stage]
    model, heads = XComposer(default_config()).bfloat16(), SchoolHeads(default_config()).bfloat16()
    _begin_from(run, BEFORE[stage], model, heads)
    learners = _learners(model, stage)
    if stage == "chat":
        learners += heads.named_parameters()
    optimizer = optimizer_of(learners, *RATES[stage])
    path = ROOT / run / f"{stage}.pt"
    step = _restore(path, model, heads, optimizer)

    def save() -> None:
        save_state(path, {"model": model.state_dict(), "heads": heads.state_dict(), "optimizer": optimizer.state_dict(), "step": step})

    log, saved, begun = Log(ROOT / run / f"{stage}.jsonl"), time.time(), time.time()
    losses: dict[str, list[float]] = {}
    with ThreadPoolExecutor(1) as ahead, ThreadPoolExecutor(2) as workers:
        coming = ahead.submit(_material, stage, step)
        while step < steps:
            lessons = coming.result()
            coming = ahead.submit(_material, stage, step + 1)
            # Each in a thread of its own: cores that are shared make threads of one product wait for each other.
            for name, loss in workers.map(lambda lesson: _learn(model, heads, stage, *lesson), lessons):
                losses.setdefault(name, []).append(loss)
            optimizer.step(_share(step, steps))
            step += 1
            if step % 50 == 0:
                seconds, begun = (time.time() - begun) / 50, time.time()
                means = {name: sum(values) / len(values) for name, values in losses.items()}
                log.write(step=step, share=_share(step, steps), seconds=seconds, **means)
                losses.clear()
            if time.time() - saved > save_every:
                save()
                saved = time.time()
    save()


def _learners(model: XComposer, stage: str) -> list[tuple[str, torch.nn.Parameter]]:
    """What the stage trains; all else is frozen."""
    own = LORAS.get(stage, ())
    for name, parameter in model.named_parameters():
        is_task = "lora_" in name
        parameter.requires_grad = any(f".{lora}_" in name for lora in own) if own else not is_task
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


def _begin_from(run: str, stages: tuple[str, ...], model: XComposer, heads: SchoolHeads) -> None:
    """What the stage before left."""
    for before in stages:
        if state := load_state(ROOT / run / f"{before}.pt"):
            model.load_state_dict(state["model"])
            heads.load_state_dict(state["heads"])
            return
    raise SystemExit(f"this stage goes on from {' or '.join(stages)}: train that first")


def _restore(path: Path, model: XComposer, heads: SchoolHeads, optimizer: Optimizer) -> int:
    """The state of this stage, if there is one. Returns the step to go on from."""
    state = load_state(path)
    if not state:
        return 0
    model.load_state_dict(state["model"])
    heads.load_state_dict(state["heads"])
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]


def _material(stage: str, step: int) -> list[tuple]:
    """The batches of a step, each with the name of its lesson."""
    lessons = STAGES[stage]
    weights = {name: lesson.weight for name, lesson in lessons.items() if lesson.begin <= step < lesson.end}
    batches = []
    for turn in range(step * BATCHES_A_STEP, (step + 1) * BATCHES_A_STEP):
        name = schedule(weights, turn)
        stream = STREAMS[stage] + list(lessons).index(name)
        batches.append((name, make_batch(lessons[name].family, stream, turn, lessons[name].size)))
    return [*batches, ("school", school_batch(SCHOOL_STREAM, step, SCHOOL_BATCH))] if stage == "chat" else batches


def _learn(model: XComposer, heads: SchoolHeads, stage: str, name: str, batch) -> tuple[str, float]:
    """Adds the gradients of one batch."""
    if name == "school":
        loss, _ = schooling(model, heads, *batch)
        loss.backward()
    else:
        loss = answer_loss(model, batch, train_tower=False)
        (loss / BATCHES_A_STEP).backward()
    return name, loss.item()


def _share(step: int, steps: int) -> float:
    """Warm up, hold, and fall to nothing over the last 60 %."""
    return min(1.0, (step + 1) / 50, (steps - step) / (0.6 * steps))


def answer_loss(model: XComposer, batch: Batch, train_tower: bool) -> Tensor:
    """Mean cross entropy of the answers' tokens."""
    rows = None
    if batch.views is not None:
        rows = model.image_rows(batch.views.bfloat16(), batch.tiles.bfloat16(), train_tower)
    seen: list[tuple[Tensor, Tensor]] = []
    hidden = model(batch.ids, rows, batch.mode, seen)
    asked = batch.targets >= 0
    scores = model.output(hidden[asked])
    loss = F.cross_entropy(scores.float(), batch.targets[asked])
    if batch.mode == "base" and (batch.cells >= 0).any():
        loss = loss + LOOKING_WEIGHT * looking_loss(*seen[0], batch.cells)
    return loss


def looking_loss(q: Tensor, k: Tensor, cells: Tensor) -> Tensor:
    """
    How little of the attention that finds an answer goes to the cell it stands in: q and k [batch, tokens,
    headDim]. A picture of one tile shows each cell twice, as view and as tile, from position 1 on.
    """
    row, position = (cells >= 0).nonzero(as_tuple=True)
    cell = cells[row, position]
    scores = torch.einsum("nd,ntd->nt", q[row, position], k.index_select(0, row)).float() * q.shape[-1] ** -0.5
    future = torch.arange(k.shape[1])[None, :] > position[:, None]
    shares = scores.masked_fill(future, -1e4).log_softmax(-1)
    first = 1 + cell // 4 * 5 + cell % 4
    both = torch.stack([shares.gather(1, (first + offset)[:, None])[:, 0] for offset in (0, 21)])
    return -both.logsumexp(0).mean()
