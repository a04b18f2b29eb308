"""
Trains a stage, or all of them in turn, each from its saved state if there is one:

    python training/train.py --stage all|tower|chat|web|write [--run tiny] [--steps N]
"""

import argparse
import os

# Threads that wait by spinning take the time of whoever shares the cores: 3 times the work, measured.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# One thread for a product: batches of a step are what runs side by side.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Memory that is given back to the system after every step must be zeroed for the next.
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", "4000000000")

from state import ROOT  # noqa: E402
from train_chat import train_chat  # noqa: E402
from train_tower import train_tower  # noqa: E402

STAGES = ("tower", "chat", "web", "write")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", required=True, choices=("all", *STAGES))
    parser.add_argument("--run", default="tiny", help="folder of states and logs under ~/.cache/lingbi/training")
    parser.add_argument("--steps", type=int)
    options = parser.parse_args()
    os.nice(19)
    for stage in unfinished(options.run) if options.stage == "all" else (options.stage,):
        train_stage(options.run, stage, options.steps)


def unfinished(run: str) -> tuple[str, ...]:
    """The last stage that was begun, and those after it."""
    begun = [index for index, stage in enumerate(STAGES) if (ROOT / run / f"{stage}.pt").exists()]
    return STAGES[max(begun, default=0) :]


def train_stage(run: str, stage: str, steps: int | None) -> None:
    if stage == "tower":
        train_tower(run, steps)
    else:
        train_chat(run, stage, steps)


if __name__ == "__main__":
    main()
