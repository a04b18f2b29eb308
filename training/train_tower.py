"""Stage `tower`: schools the vision tower and the projector alone. See README.md."""

import time
from concurrent.futures import ThreadPoolExecutor

import torch

from export import default_config
from model import XComposer
from optimizer import optimizer_of
from school import SchoolHeads, school_batch, schooling
from state import ROOT, Log, load_state, save_state

#: Stage `chat` goes on schooling, so the rate need not fall here.
STREAM, BATCH, STEPS = 1, 32, 900


def train_tower(run: str, steps: int | None, save_every: float = 60) -> None:
    steps, config = steps or STEPS, default_config()
    torch.manual_seed(1)
    model, heads = XComposer(config).bfloat16(), SchoolHeads(config).bfloat16()
    learners = [*model.tower.named_parameters(), *model.vision_proj.named_parameters("vision_proj"), *heads.named_parameters()]
    optimizer = optimizer_of(learners)
    path = ROOT / run / "tower.pt"
    step = 0
    if state := load_state(path):
        model.load_state_dict(state["model"])
        heads.load_state_dict(state["heads"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]

    def save() -> None:
        save_state(path, {"model": model.state_dict(), "heads": heads.state_dict(), "optimizer": optimizer.state_dict(), "step": step})

    log, saved, begun = Log(ROOT / run / "tower.jsonl"), time.time(), time.time()
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(school_batch, STREAM, step, BATCH)
        while step < steps:
            batch = coming.result()
            coming = ahead.submit(school_batch, STREAM, step + 1, BATCH)
            loss, right = schooling(model, heads, *batch)
            loss.backward()
            optimizer.step(min(1, (step + 1) / 50))
            step += 1
            if step % 20 == 0:
                seconds, begun = (time.time() - begun) / 20, time.time()
                log.write(step=step, loss=loss.item(), seconds=seconds, **right)
            if time.time() - saved > save_every:
                save()
                saved = time.time()
    save()
