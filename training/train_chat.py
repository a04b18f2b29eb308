"""
Stages `chat`, `web` and `write`. `chat` trains everything but the task adapters and keeps schooling
the tower beside it; `web` and `write` train their adapters alone, all else frozen. See README.md.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from batches import Batch, make_batch, schedule
from export import default_config
from generator import families
from model import LORAS, XComposer
from school import SchoolHeads, school_batch, school_loss, tiles_of
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
    "objects": Lesson(families.objects, 6, 20),
    "codes": Lesson(families.codes, 7, 20),
    "larger": Lesson(partial(families.objects, side=224), 1, 14, 800),
    "small codes": Lesson(families.small_codes, 4, 8, 800),
    "too small": Lesson(families.too_small, 1, 16, 800),
    "two": Lesson(families.several, 3, 12),
    "three": Lesson(partial(families.several, count=3), 2, 10, 800),
    "later": Lesson(families.later_picture, 2, 12, 800),
    "video 2": Lesson(partial(families.videos, count=2), 1, 12, 800),
    "video 3": Lesson(families.videos, 1, 10, 800),
    "video 4": Lesson(partial(families.videos, count=4), 1, 8, 800),
    "video 6": Lesson(partial(families.videos, count=6), 1, 6, 800),
    "talk": Lesson(families.talk, 2, 16),
    "maps": Lesson(families.maps, 8, 20, end=3000),
}
WEB = {
    "screenshots": Lesson(families.screenshots, 3, 10),
    "instructions": Lesson(families.instructions, 2, 10),
}
WRITE = {"articles": Lesson(families.articles, 1, 16)}
STAGES = {"chat": CHAT, "web": WEB, "write": WRITE}
#: Where each stage begins, and the steps and the rate it takes.
BEFORE = {"chat": ("tower",), "web": ("chat",), "write": ("web", "chat")}
STEPS = {"chat": 12000, "web": 3000, "write": 400}
RATES = {"chat": 1.5e-3, "web": 2e-3, "write": 2e-3}
SCHOOL_STREAM, SCHOOL_BATCH = 2, 20
#: Streams of examples: stage · 100 + place in its table. Evaluation begins at 1000.
STREAMS = {"chat": 100, "web": 200, "write": 300}
BATCHES_A_STEP = 2


def train_chat(run: str, stage: str, steps: int | None, save_every: float = 120) -> None:
    torch.manual_seed(2)
    steps = steps or STEPS[stage]
    model, heads = XComposer(default_config()), SchoolHeads(default_config().tower_hidden)
    learners = _learners(model, stage)
    if stage == "chat":
        learners += list(heads.parameters())
    optimizer = _optimizer(learners, RATES[stage])
    path = ROOT / run / f"{stage}.pt"
    step = _restore(run, stage, model, heads, optimizer)

    def save() -> None:
        save_state(path, {"model": model.state_dict(), "heads": heads.state_dict(), "optimizer": optimizer.state_dict(), "step": step})

    log, saved, begun = Log(ROOT / run / f"{stage}.jsonl"), time.time(), time.time()
    losses: dict[str, list[float]] = {}
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(_material, stage, step)
        while step < steps:
            batches, school = coming.result()
            coming = ahead.submit(_material, stage, step + 1)
            _set_rate(optimizer, RATES[stage] * _share(step, steps))
            optimizer.zero_grad()
            for name, batch in batches:
                loss = answer_loss(model, batch, train_tower=stage == "chat")
                (loss / BATCHES_A_STEP).backward()
                losses.setdefault(name, []).append(loss.item())
            if school:
                losses.setdefault("school", []).append(_school(model, heads, *school))
            torch.nn.utils.clip_grad_norm_(learners, 1.0)
            optimizer.step()
            step += 1
            if step % 50 == 0:
                seconds, begun = (time.time() - begun) / 50, time.time()
                means = {name: sum(values) / len(values) for name, values in losses.items()}
                log.write(step=step, rate=optimizer.param_groups[0]["lr"], seconds=seconds, **means)
                losses.clear()
            if time.time() - saved > save_every:
                save()
                saved = time.time()
    save()


def _learners(model: XComposer, stage: str) -> list[torch.nn.Parameter]:
    """What the stage trains; all else is frozen."""
    own = LORAS.get(stage, ())
    for name, parameter in model.named_parameters():
        is_task = "lora_" in name
        parameter.requires_grad = any(f".{lora}_" in name for lora in own) if own else not is_task
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _optimizer(parameters: list[torch.nn.Parameter], rate: float) -> torch.optim.Optimizer:
    matrices = [p for p in parameters if p.dim() == 2]
    others = [p for p in parameters if p.dim() != 2]
    groups = [{"params": matrices, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True)


def _restore(run: str, stage: str, model: XComposer, heads: SchoolHeads, optimizer) -> int:
    """The state of this stage, or what the stage before left. Returns the step to go on from."""
    if state := load_state(ROOT / run / f"{stage}.pt"):
        model.load_state_dict(state["model"])
        heads.load_state_dict(state["heads"])
        optimizer.load_state_dict(state["optimizer"])
        return state["step"]
    for before in BEFORE[stage]:
        if state := load_state(ROOT / run / f"{before}.pt"):
            heads.load_state_dict(state["heads"])
            if before == "tower":
                model.tower.load_state_dict(state["tower"])
            else:
                model.load_state_dict(state["model"])
            return 0
    raise SystemExit(f"stage {stage} goes on from {' or '.join(BEFORE[stage])}: train that first")


def _material(stage: str, step: int) -> tuple[list[tuple[str, Batch]], tuple | None]:
    lessons = STAGES[stage]
    weights = {name: lesson.weight for name, lesson in lessons.items() if lesson.begin <= step < lesson.end}
    batches = []
    for turn in range(step * BATCHES_A_STEP, (step + 1) * BATCHES_A_STEP):
        name = schedule(weights, turn)
        stream = STREAMS[stage] + list(lessons).index(name)
        batches.append((name, make_batch(lessons[name].family, stream, turn, lessons[name].size)))
    return batches, school_batch(SCHOOL_STREAM, step, SCHOOL_BATCH) if stage == "chat" else None


def _share(step: int, steps: int) -> float:
    """Warm up, hold, and fall to nothing over the last third."""
    return min(1.0, (step + 1) / 150, (steps - step) / (0.35 * steps))


def _set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def answer_loss(model: XComposer, batch: Batch, train_tower: bool) -> Tensor:
    """Mean cross entropy of the answers' tokens."""
    with torch.autocast("cpu", torch.bfloat16):
        rows = None
        if batch.views is not None:
            with torch.set_grad_enabled(train_tower):
                rows = model.image_rows(batch.views, batch.tiles)
        hidden = model(batch.ids, rows, batch.mode)
        asked = batch.targets >= 0
        scores = model.output(hidden[asked])
    return F.cross_entropy(scores.float(), batch.targets[asked])


def _school(model: XComposer, heads: SchoolHeads, pixels, labels) -> float:
    with torch.autocast("cpu", torch.bfloat16):
        scores = heads(model.tower(tiles_of(pixels)))
    loss, _ = school_loss(scores, labels)
    loss.backward()
    return loss.item()
