"""
Writes a trained state as a checkpoint folder: config.json, tokenizer.model, model.safetensors.

    python training/export.py --run tiny --to fixtures/tiny
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

from model import Config, XComposer, config_json
from prompts import vocabulary
from state import ROOT, load_state
from vocabulary import PATH as TOKENIZER


def export(model: XComposer, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.to(torch.bfloat16).contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config_json(model.config), indent=2) + "\n")
    shutil.copyfile(TOKENIZER, folder / "tokenizer.model")


def default_config() -> Config:
    return Config(vocabulary=vocabulary().vocab_size())


def trained_model(run: str, stages: tuple[str, ...] = ("write", "web", "chat")) -> XComposer:
    """The state of the latest of these stages."""
    model = XComposer(default_config())
    for stage in stages:
        if state := load_state(ROOT / run / f"{stage}.pt"):
            model.load_state_dict(state["model"])
            return model
    raise SystemExit(f"{ROOT / run} holds no state of {', '.join(stages)}: train one of these stages first")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", default="tiny")
    parser.add_argument("--to", type=Path, required=True)
    options = parser.parse_args()
    export(trained_model(options.run), options.to)


if __name__ == "__main__":
    main()
