"""Saved states outlive a broken-off run: written beside, then renamed. Logs are JSON lines."""

import json
import os
import time
from pathlib import Path

import torch

ROOT = Path(os.environ.get("LINGBI_TRAINING", Path.home() / ".cache/lingbi/training"))


def save_state(path: Path, state: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    torch.save(state, beside)
    os.replace(beside, path)


def load_state(path: Path) -> dict | None:
    return torch.load(path, map_location="cpu", weights_only=True) if path.exists() else None


class Log:
    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = path.open("a", buffering=1)

    def write(self, **facts) -> None:
        facts = {key: round(value, 5) if isinstance(value, float) else value for key, value in facts.items()}
        self.file.write(json.dumps({"time": round(time.time()), **facts}) + "\n")
