"""
Records what the generator makes, for the TypeScript one to be compared with.

    python training/record_expected.py
"""

import hashlib
import json
from functools import partial

from generator import clips, families
from generator.font import SHARED
from generator.rng import Random, seed_of

FAMILIES = {
    "objects": families.objects,
    "codes": families.codes,
    "smallCodes": families.small_codes,
    "several": families.several,
    "three": partial(families.several, count=3),
    "laterPicture": families.later_picture,
    "screenshots": families.screenshots,
    "instructions": families.instructions,
    "videos": families.videos,
}
COUNT = 25


def digest(name: str) -> str:
    """Of questions, answers and pixels of the first examples of a stream."""
    sha = hashlib.sha256()
    for index in range(COUNT):
        random = Random(seed_of(1, index))
        if name == "videos":
            clip = clips.random_clip(random, 3)
            turns, pictures = clips.questions_about_clip(random, clip, 4), clip.frames
        else:
            example = FAMILIES[name](random)
            turns, pictures = example.turns, example.pictures
        sha.update(json.dumps([[turn.query, turn.answer, turn.row] for turn in turns], separators=(",", ":")).encode())
        for picture in pictures:
            sha.update(picture.tobytes())
    return sha.hexdigest()


if __name__ == "__main__":
    recorded = {name: digest(name) for name in FAMILIES}
    (SHARED / "expected.json").write_text(json.dumps(recorded, indent=2) + "\n")
