"""
Stages `chat`, `web` and `write`. `chat` trains everything but the task adapters and keeps schooling
the tower beside it; `web` and `write` train their adapters alone, all else frozen. See README.md.
"""

import time
from collections import defaultdict
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
from generator.pages import html_of
from model import LORAS, XComposer
from optimizer import Optimizer, optimizer_of
from rounding import rounded
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
    #: Its weight in the second wave, if that is another.
    then: int | None = None

    def weight_at(self, step: int) -> int:
        if not self.begin <= step < self.end:
            return 0
        return self.weight if self.then is None or step < SECOND_WAVE else self.then


#: The step of `chat` at which the rate rises anew. What was hardest then is drawn more often.
SECOND_WAVE = 5725


CHAT = {
    "objects": Lesson(families.objects, 9, 12, then=5),
    "codes": Lesson(families.codes, 6, 12, then=4),
    "lines": Lesson(families.lines, 3, 16, then=2),
    "maps": Lesson(families.maps, 6, 12, end=350),
    "two": Lesson(families.several, 4, 8, 150, then=6),
    "three": Lesson(partial(families.several, count=3), 4, 6, 300, then=8),
    "later": Lesson(families.later_picture, 3, 8, 300, then=6),
    "small codes": Lesson(partial(families.small_codes, turns=1), 4, 6, 400, then=7),
    "too small": Lesson(partial(families.too_small, turns=1), 1, 4, 400),
    "video 3": Lesson(families.videos, 2, 8, 300, then=1),
    "pages": Lesson(families.page_words, 4, 8, 300),
    "repeats": Lesson(families.repeats, 2, 12, 600, then=1),
    "character maps": Lesson(families.character_maps, 3, 12, end=1000),
    "lists": Lesson(families.lists, 5, 12, 1000, then=3),
    "page repeats": Lesson(partial(families.repeats, told=html_of), 2, 8, 2700),
    "article repeats": Lesson(families.article_repeats, 2, 8, 2700),
    "video 5": Lesson(partial(families.videos, count=5), 3, 6, 2023, then=5),
    "counts": Lesson(families.counts, 5, 12, 3400, then=10),
}
WEB = {
    "screenshots": Lesson(families.screenshots, 1, 8),
    "instructions": Lesson(families.instructions, 1, 16),
}
WRITE = {"articles": Lesson(families.articles, 1, 8)}
STAGES = {"chat": CHAT, "web": WEB, "write": WRITE}
#: Where each stage begins, and the steps and the rate it takes.
BEFORE = {"chat": ("tower",), "web": ("chat",), "write": ("web",)}
STEPS = {"chat": 12150, "web": 740, "write": 1650}
#: From here on every other step is taken at weights that are rounded to 4 bits.
ROUNDED_FROM = {"chat": 8250, "web": 0, "write": 0}
#: Of matrices, and of all else.
RATES = {"chat": (0.012, 1.5e-3), "web": (0.02, 3e-3), "write": (0.02, 2e-3)}
SCHOOL_STREAM, SCHOOL_BATCH = 2, 32
#: Streams of examples: stage · 100 + place in its table. Evaluation begins at 1000.
STREAMS = {"chat": 100, "web": 200, "write": 300}
BATCHES_A_STEP = 2
LOOKING_WEIGHT, PLACES_WEIGHT = 0.5, 0.2


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
    losses: dict[str, list[float]] = defaultdict(list)
    with ThreadPoolExecutor(1) as ahead, ThreadPoolExecutor(2) as workers:
        coming = ahead.submit(_material, stage, step)
        while step < steps:
            lessons = coming.result()
            coming = ahead.submit(_material, stage, step + 1)
            # Each in a thread of its own: cores that are shared make threads of one product wait for each other.
            with rounded(model, step % 2 == 1 and step >= ROUNDED_FROM[stage]):
                for parts in workers.map(lambda lesson: _learn(model, heads, *lesson), lessons):
                    for name, loss in parts.items():
                        losses[name].append(loss)
            optimizer.step(_share(stage, step, steps))
            step += 1
            if step % 50 == 0:
                seconds, begun = (time.time() - begun) / 50, time.time()
                means = {name: sum(values) / len(values) for name, values in losses.items()}
                log.write(step=step, share=_share(stage, step, steps), seconds=seconds, **means)
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
            heads.load_state_dict(state["heads"], strict=False)
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
    weights = {name: lesson.weight_at(step) for name, lesson in lessons.items() if lesson.weight_at(step)}
    batches = []
    turns = range(step * BATCHES_A_STEP, (step + 1) * BATCHES_A_STEP)
    for turn in turns:
        name = schedule(weights, turn)
        stream = STREAMS[stage] + list(lessons).index(name)
        batches.append((name, make_batch(lessons[name].family, stream, turn, lessons[name].size)))
    if stage == "chat":  # as many batches as workers can share
        batches += [("school", school_batch(SCHOOL_STREAM, turn, SCHOOL_BATCH)) for turn in turns]
    return batches


def _learn(model: XComposer, heads: SchoolHeads, name: str, batch) -> dict[str, float]:
    """Adds the gradients of one batch. Returns its losses."""
    if name == "school":
        loss, _ = schooling(model, heads, *batch)
        (loss / BATCHES_A_STEP).backward()
        return {name: loss.item()}
    losses = conversation_losses(model, heads, batch)
    weights = {"": 1.0, " looking": LOOKING_WEIGHT, " places": PLACES_WEIGHT}
    total = sum(weights[part] * loss for part, loss in losses.items())
    (total / BATCHES_A_STEP).backward()
    return {name + part: loss.item() for part, loss in losses.items()}


def _share(stage: str, step: int, steps: int) -> float:
    """In each wave: warm up, hold, and fall to nothing over the last 80 %."""
    begin, end, top = 0, steps, 1.0
    if stage == "chat":
        begin, end, top = (0, SECOND_WAVE, 1.0) if step < SECOND_WAVE else (SECOND_WAVE, steps, 0.6)
    return top * min(1.0, (step - begin + 1) / 50, (end - step) / (0.8 * (end - begin)))


def conversation_losses(model: XComposer, heads: SchoolHeads, batch: Batch) -> dict[str, Tensor]:
    """Mean cross entropy of the answers' tokens; how badly they look; how badly rows know their picture or tile."""
    rows = None
    if batch.views is not None:
        rows = model.image_rows(batch.views.bfloat16(), batch.tiles.bfloat16(), train_tower=False)
    seen: list[Tensor] = []
    hidden = model(batch.ids, rows, batch.mode, seen)
    asked = batch.targets >= 0
    losses = {"": F.cross_entropy(model.output(hidden[asked]).float(), batch.targets[asked])}
    x, q, k = seen
    if len(batch.looks):
        losses[" looking"] = looking_loss(q, k, batch.looks, batch.shares)
    if (placed := batch.places >= 0).any():
        losses[" places"] = F.cross_entropy(heads.places(x[placed]).float(), batch.places[placed])
    return losses


def looking_loss(q: Tensor, k: Tensor, looks: Tensor, shares: Tensor) -> Tensor:
    """
    How little of the attention that finds an answer goes to what it is read from, spread evenly where that is
    several things. q, k: [batch, groups, tokens, headDim].
    """
    conversation, position, keys = looks[:, 0], looks[:, 1], looks[:, 2:]
    future = torch.ones(k.shape[2], k.shape[2], dtype=torch.bool).triu(1)
    scores = (q @ (k * k.shape[-1] ** -0.5).transpose(2, 3)).float().masked_fill(future, -1e4)
    attention = scores.log_softmax(-1)[conversation, :, position]
    found = attention.gather(2, keys.clamp(min=0)[:, None].expand(-1, attention.shape[1], -1))
    found = found.masked_fill(keys[:, None] < 0, -1e4).logsumexp(2).mean(1)
    return -(shares * found).sum() / shares.sum()
