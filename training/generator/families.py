"""Kinds of examples. A family gives all its examples of one call the same layout of tiles."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .articles import article_turn
from .clips import ORDINALS, questions_about_clip, random_clip, strip_of
from .draw import BACKGROUNDS, COLOURS, SHAPES, Picture, text_width
from .examples import Example, Span, Turn, copied
from .font import CHARACTERS
from .objects import (
    PLACES,
    READING_QUERIES,
    Scene,
    Thing,
    article,
    ask_count,
    cells_of_text,
    code_question,
    code_scene,
    describe,
    object_scene,
    presence_of,
    questions_about,
    random_text,
    read,
    small_code_scene,
    whole,
    write_code,
)
from .pages import Page, draw_page, html_of, instruction_of, random_page, spans_of_instruction, spans_of_page, tag_of, wish_of, words_of
from .rng import Random

SCREENSHOT_QUERY = " Generate the HTML code of this web image with Tailwind CSS."
TOO_SMALL = "The text is too small to read."


def objects(random: Random, side: int = 112, turns: int = 5, labelled: bool = False) -> Example:
    scene = object_scene(random, side, labelled)
    return _example(questions_about(random, scene, turns), scene)


def maps(random: Random) -> Example:
    """
    A word for each cell of the tower, line by line as the image's own positions stand: the n-th
    word of the answer depends on the n-th position alone, which is the first thing to learn.
    """
    scene = object_scene(random, 112, labelled=True, most=9)
    cells = _things_by_cell(scene)
    asked = [
        Turn("Map the colours.", _map(cells, lambda thing: thing.colour)),
        Turn("Map the shapes.", _map(cells, lambda thing: thing.shape)),
    ]
    return _example(random.sample(asked, 2), scene)


def lists(random: Random) -> Example:
    """Many look-ups in one answer, each asked for by the words right before it: the first step to questions."""
    scene = object_scene(random, 112)
    kinds = (_list_colours, _list_things, _list_places, _list_counts, _list_presence)
    return _example([kind(random, scene) for kind in random.sample(kinds, 4)], scene)


def counts(random: Random) -> Example:
    """What is hardest about objects: a list of counts, then questions."""
    scene = object_scene(random, 112)
    asked = {turn.query: turn for turn in (ask_count(random, scene) for _ in range(6))}
    # What was listed already need not be counted: questions come first, mostly.
    turns = [*asked.values(), _list_counts(random, scene)]
    return _example(turns if random.chance(75) else turns[::-1], scene)


def _list_colours(random: Random, scene: Scene) -> Turn:
    own = [thing for thing in scene.things if sum(other.shape == thing.shape for other in scene.things) == 1]
    return _list(random, "Colours", {thing.shape: (thing.colour, whole(thing.colour, thing)) for thing in own})


def _list_things(random: Random, scene: Scene) -> Turn:
    return _list(random, "Things", {PLACES[thing.place]: (thing.name, whole(thing.name, thing)) for thing in scene.things})


def _list_places(random: Random, scene: Scene) -> Turn:
    own = [thing for thing in scene.things if sum(other.name == thing.name for other in scene.things) == 1]
    return _list(random, "Places", {thing.name: (PLACES[thing.place], whole(PLACES[thing.place], thing)) for thing in own})


def _list_counts(random: Random, scene: Scene) -> Turn:
    held = {word: [] for thing in scene.things for word in (thing.shape, thing.colour)}
    for word, things in held.items():
        things += [thing for thing in scene.things if word in (thing.shape, thing.colour)]
    return _list(random, "Counts", {word: (str(len(things)), whole("1", *things, at_start=True)) for word, things in held.items()})


def _list_presence(random: Random, scene: Scene) -> Turn:
    names = [thing.name for thing in scene.things]
    others = [f"{random.pick(list(COLOURS))} {random.pick(SHAPES)}" for _ in set(names)]
    return _list(random, "Presence", {name: presence_of(name, scene.things) for name in [*names, *others]})


def _list(random: Random, title: str, facts: dict[str, tuple[str, list[Span]]]) -> Turn:
    """Facts: what is asked for, the answer, and what that is read from."""
    keys = random.sample(list(facts), min(5, len(facts)))
    answer, spans = "", []
    for key in keys:
        word, own = facts[key]
        spans += [span.moved(len(answer) + len(key) + 1) for span in own]
        answer += f"{key} {word}, "
    return Turn(f"{title}: {', '.join(keys)}?", answer[:-2] + ".", "", spans)


def codes(random: Random, side: int = 112, turns: int = 4, labelled: bool = False) -> Example:
    scene = code_scene(random, side, labelled)
    first = [code_question(random, scene)]
    others = [turn for turn in questions_about(random, scene, turns) if turn.query != first[0].query]
    asked = first + others if random.chance(70) else others + first
    return _example(asked[:turns], scene)


def lines(random: Random) -> Example:
    """One text or a text in each third of the picture, all to be read: the densest lesson in reading."""
    picture, texts = _texts(random, random.pick((1, 1, 1, 2, 3)))
    query = "Read all the texts." if len(texts) > 1 else random.pick(READING_QUERIES)
    answer, spans = "", []
    for text, cells in texts.items():
        spans += read(cells, len(answer))
        answer += f"{text}\n"
    return Example([Turn(query, answer[:-1], "", spans)], [picture.pixels])


def character_maps(random: Random) -> Example:
    """Maps of the first and second character of every cell."""
    picture, _ = _texts(random, random.between(2, 3))
    planes = picture.labels["glyph"].reshape(4, 4, 4, 4).transpose(0, 2, 1, 3).reshape(4, 4, 16)
    asked = [_character_map(planes, place) for place in range(2)]
    return Example(random.sample(asked, 2), [picture.pixels])


def _character_map(planes: np.ndarray, place: int) -> Turn:
    characters = ["".join([CHARACTERS[glyph - 1] for glyph in cell if glyph] + ["-"] * 3)[place] for cell in planes.reshape(16, 16)]
    lines = ["".join(characters[line * 4 : line * 4 + 4]) for line in range(4)]
    return Turn(f"Map the {ORDINALS[place]} characters.", "\n".join(lines))


def _texts(random: Random, count: int) -> tuple[Picture, dict[str, tuple[int, ...]]]:
    picture = Picture(112, 112, random.pick(BACKGROUNDS), labelled=True)
    texts = {}
    for third in sorted(random.sample(range(3), count)):
        text, scale = random_text(random, 2, 8), random.pick((2, 2, 3))
        scale = scale if text_width(text, scale) <= 104 else 2
        x = random.between(3, 109 - text_width(text, scale))
        y = third * 37 + random.between(3, 34 - 7 * scale)
        write_code(random, picture, text, x, y, scale)
        texts[text] = cells_of_text(text, x, y, scale)
    return picture, texts


def page_words(random: Random) -> Example:
    """A page told in words: what the web adapter then writes as HTML."""
    page = random_page(random)
    words = words_of(page)
    return Example([Turn("Describe this page.", words, "", spans_of_page(page, words, wish_of))], [draw_page(page).pixels])


def repeats(random: Random, told: Callable[[Page], str] = words_of) -> Example:
    """Text alone, to be copied: what pages from instructions rest on."""
    words = told(random_page(random))
    return Example([Turn(f"Repeat: {words}", words, "", copied(len(words), 0, len("Repeat: ")))])


def article_repeats(random: Random) -> Example:
    """The same with the words of articles, which nothing else in these lessons says."""
    text = article_turn(random).answer
    return Example([Turn(f"Repeat: {text}", text, "", copied(len(text), 0, len("Repeat: ")))])


def small_codes(random: Random, turns: int = 4, labelled: bool = False, cut: int = 25) -> Example:
    """A code that only the tiles show, in a picture of nine."""
    scene = small_code_scene(random, labelled, cut)
    code = Turn(random.pick(READING_QUERIES), scene.code, "small code", read(scene.code_cells))
    rest = Scene(scene.picture, scene.things)
    asked = questions_about(random, rest, turns - 1) if scene.things and turns > 1 else []
    return _example([code, *(turn for turn in asked if turn.row != "describe")], scene)


def too_small(random: Random, turns: int = 2) -> Example:
    """The same pictures in a single tile: the honest answer is that nothing can be read."""
    example = small_codes(random, turns)
    example.turns[0].answer = TOO_SMALL
    example.turns[0].spans = []
    example.turns[0].row = "too small"
    example.hd_num = 1
    return example


def _things_by_cell(scene: Scene) -> list[list[Thing | None]]:
    """Which thing has its middle in each of the 4 × 4 cells of a tile."""
    middles = scene.picture.labels["shape"]
    places = np.argwhere(middles)
    cells: list[list[Thing | None]] = [[None] * 4 for _ in range(4)]
    for y, x in places:
        # A square of 7 px lies in one ninth of the picture (37 px) by its middle pixel.
        place = min((y * 7 + 3) // 37, 2) * 3 + min((x * 7 + 3) // 37, 2)
        named = [thing for thing in scene.things if SHAPES.index(thing.shape) + 1 == middles[y, x]]
        nearest = min(named, key=lambda thing: abs(thing.place // 3 - place // 3) + abs(thing.place % 3 - place % 3))
        cells[y // 4][x // 4] = nearest
    return cells


def _map(cells: list[list[Thing | None]], word: Callable[[Thing], str]) -> str:
    return "\n".join("".join(f" {word(thing) if thing else 'paper'}" for thing in line) for line in cells)


def _example(asked: list[Turn], scene: Scene) -> Example:
    return Example(asked, [scene.picture.pixels], [scene.picture.labels])


def several(random: Random, count: int = 2, turns: int = 3) -> Example:
    """Two or three pictures at once, then questions about one or about which."""
    scenes = [_small_scene(random) for _ in range(count)]
    labels = "".join(f"Image{index + 1} <ImageHere>; " for index in range(count))
    asked = _about_several(random, scenes, turns)
    asked[0].query = labels + asked[0].query
    return Example(asked, [scene.picture.pixels for scene in scenes], hd_num=6)


def later_picture(random: Random) -> Example:
    """A question about one picture, then about a new one."""
    scenes = [_small_scene(random) for _ in range(2)]
    asked = [_about_one(random, scenes[0], 1), _about_one(random, scenes[1], 2)]
    asked += _about_several(random, scenes, 1)
    asked[0].query = f"Image1 <ImageHere>; {asked[0].query}"
    asked[1].query = f"Image2 <ImageHere>; {asked[1].query}"
    asked[1].row = "second turn"
    return Example(asked, [scene.picture.pixels for scene in scenes], hd_num=6)


def _small_scene(random: Random) -> Scene:
    return code_scene(random, 112) if random.chance(40) else object_scene(random, 112, most=4)


def _about_several(random: Random, scenes: list[Scene], count: int) -> list[Turn]:
    turns: dict[str, Turn] = {}
    for _ in range(6 * count):
        if len(turns) == count:
            break
        index = random.below(len(scenes))
        which = _which(random, scenes, index)
        turn = which if which and random.chance(65) else _about_one(random, scenes[index], index + 1)
        turns[turn.query] = turn
    return list(turns.values())


def _which(random: Random, scenes: list[Scene], index: int) -> Turn | None:
    scene = scenes[index]
    if scene.code and random.chance(60):
        if sum(other.code == scene.code for other in scenes) > 1:
            return None
        spans = [Span(0, 6, (scene.code_cells,), index)]
        return Turn(f"Which image shows the text {scene.code}?", f"Image{index + 1}", "several", spans)
    if not scene.things:
        return None
    name = random.pick(scene.things).name
    holders = sum(any(thing.name == name for thing in other.things) for other in scenes)
    if holders > 1:
        return None
    spans = [Span(0, 6, (tuple(thing.cell for thing in scene.things if thing.name == name),), index)]
    return Turn(f"Which image has {article(name)}?", f"Image{index + 1}", "several", spans)


def _about_one(random: Random, scene: Scene, number: int) -> Turn:
    turn = questions_about(random, scene, 1)[0]
    if turn.query.endswith("?"):
        query = f"{turn.query[:-1]} in Image{number}?"
    else:
        query = f"{turn.query[:-1]} in Image{number}."
    spans = [replace(span, picture=number - 1) for span in turn.spans]
    return Turn(query.replace("in the picture in", "in"), turn.answer, "several", spans)


def videos(random: Random, count: int = 3, turns: int = 4) -> Example:
    clip = random_clip(random, count)
    return Example(questions_about_clip(random, clip, turns), [strip_of(clip.frames)], kind="strip")


def screenshots(random: Random, labelled: bool = False) -> Example:
    page = random_page(random)
    picture = draw_page(page, labelled)
    html = html_of(page)
    turn = Turn(SCREENSHOT_QUERY, html, "screenshot", spans_of_page(page, html, tag_of))
    return Example([turn], [picture.pixels], [picture.labels], mode="web")


def instructions(random: Random) -> Example:
    page = random_page(random)
    query, html = instruction_of(random, page), html_of(page)
    return Example([Turn(query, html, "instruction", spans_of_instruction(page, html, query))], mode="web")


def articles(random: Random) -> Example:
    return Example([article_turn(random)], mode="write")


GREETINGS = (("Hello!", "Hello! Show me a picture and ask."), ("Who are you?", "I am lingbi, a tiny model that sees shapes, colours and texts."))  # fmt: skip


def talk(random: Random) -> Example:
    """Text alone: descriptions in words, asked about like pictures."""
    if random.chance(10):
        return Example([Turn(*random.pick(GREETINGS))])
    scene = object_scene(random, 112)
    if random.chance(50):
        scene = code_scene(random, 112)
    asked = questions_about(random, scene, 4)
    asked[0].query = f"A picture shows {describe(scene).answer} {asked[0].query}"
    return Example(asked)
