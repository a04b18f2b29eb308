"""Stage `tower`: schools the vision tower alone. See README.md."""

import time
from concurrent.futures import ThreadPoolExecutor

import torch

from export import default_config
from model import Tower
from school import SchoolHeads, school_batch, school_loss, tiles_of
from state import ROOT, Log, load_state, save_state

#: Stage `chat` goes on schooling, so the rate need not fall here.
STREAM, BATCH, STEPS = 1, 48, 1400


def train_tower(run: str, steps: int | None, peak: float = 1.5e-3, save_every: float = 120) -> None:
    steps, config = steps or STEPS, default_config()
    torch.manual_seed(1)
    tower, heads = Tower(config), SchoolHeads(config.tower_hidden)
    parameters = [*tower.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=peak, betas=(0.9, 0.98), weight_decay=0.02, fused=True)
    path = ROOT / run / "tower.pt"
    step = 0
    if state := load_state(path):
        tower.load_state_dict(state["tower"])
        heads.load_state_dict(state["heads"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]

    def save() -> None:
        save_state(path, {"tower": tower.state_dict(), "heads": heads.state_dict(), "optimizer": optimizer.state_dict(), "step": step})

    log, saved, begun = Log(ROOT / run / "tower.jsonl"), time.time(), time.time()
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(school_batch, STREAM, step, BATCH)
        while step < steps:
            pixels, labels = coming.result()
            coming = ahead.submit(school_batch, STREAM, step + 1, BATCH)
            rate = peak * min(1, (step + 1) / 100)
            for group in optimizer.param_groups:
                group["lr"] = rate
            with torch.autocast("cpu", torch.bfloat16):
                scores = heads(tower(tiles_of(pixels)))
            loss, right = school_loss(scores, labels)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            step += 1
            if step % 20 == 0:
                seconds, begun = (time.time() - begun) / 20, time.time()
                log.write(step=step, loss=loss.item(), rate=rate, seconds=seconds, **right)
            if time.time() - saved > save_every:
                save()
                saved = time.time()
    save()
