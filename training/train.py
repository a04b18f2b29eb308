"""
Trains one stage, from its saved state if there is one:

    python training/train.py --stage tower|chat|web|write [--run tiny] [--steps N]
"""

import argparse
import os

# Threads that wait by spinning take the time of whoever shares the cores: 3 times the work, measured.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch  # noqa: E402

from model import Config  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", required=True, choices=("tower", "chat", "web", "write"))
    parser.add_argument("--run", default="tiny", help="folder of states and logs under ~/.cache/lingbi/training")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    os.nice(19)
    if options.stage == "tower":
        from train_tower import train_tower

        train_tower(options.run, Config(vocabulary=1), options.steps or 4000)
    else:
        from train_chat import train_chat

        train_chat(options.run, options.stage, options.steps)


if __name__ == "__main__":
    main()
