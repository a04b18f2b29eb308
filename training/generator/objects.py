"""Pictures of coloured shapes on a 3 × 3 grid, sometimes with a code, and questions about them."""

from dataclasses import dataclass

from .draw import (
    BACKGROUNDS,
    COLOUR_IDS,
    COLOURS,
    SHAPES,
    WHITE,
    Picture,
    draw_shape,
    draw_text,
    jitter,
    text_middles,
    text_width,
)
from .examples import Span, Turn
from .font import CHARACTERS
from .rng import Random
from .words import WORDS

#: Pixels of a cell's side.
CELL = 28
PLACES = (
    "top left", "top", "top right", "left", "centre", "right", "bottom left", "bottom", "bottom right",
)  # fmt: skip
READING_QUERIES = ("What is written in the picture?", "Read the text.", "What code is shown?")


@dataclass(frozen=True)
class Thing:
    shape: str
    colour: str
    place: int
    #: The cell that holds its middle.
    cell: int = -1

    @property
    def name(self) -> str:
        return f"{self.colour} {self.shape}"


@dataclass
class Scene:
    picture: Picture
    things: list[Thing]
    code: str = ""
    code_colour: str = ""
    #: Of each character of the code.
    code_cells: tuple[int, ...] = ()

    @property
    def is_one_tile(self) -> bool:
        return self.picture.size == (112, 112)


def article(name: str) -> str:
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def cell_of(x: int, y: int, side: int) -> int:
    """Number of a cell, line by line, in a picture of whole tiles that is `side` wide."""
    return y // CELL * (side // CELL) + x // CELL


def cells_of_text(text: str, x: int, y: int, scale: int, side: int = 112) -> tuple[int, ...]:
    return tuple(cell_of(*middle, side) for middle in text_middles(text, x, y, scale))


def whole(answer: str, *things: Thing, at_start: bool = False) -> list[Span]:
    """The whole answer is read from these things."""
    return [Span(0, len(answer), tuple((thing.cell,) for thing in things), at_start=at_start)]


def read(cells: tuple[int, ...], begin: int = 0) -> list[Span]:
    """A text that begins there in the answer, character by character."""
    return [Span(place, place + 1, ((cell,),)) for place, cell in enumerate(cells, begin)]


def draw_things(random: Random, picture: Picture, places: list[int]) -> list[Thing]:
    """One thing in each of these ninths of the picture."""
    region = picture.size[0] // 3
    few_shapes = random.sample(SHAPES, random.between(1, 6))
    few_colours = random.sample(list(COLOURS), random.between(2, 8))
    things = []
    for place in sorted(places):
        shape, colour = random.pick(few_shapes), random.pick(few_colours)
        size = random.between(region * 45 // 100, region * 88 // 100)
        x = place % 3 * region + random.below(region - size + 1)
        y = place // 3 * region + random.below(region - size + 1)
        draw_shape(picture, shape, colour, jitter(random, COLOURS[colour]), x, y, size)
        things.append(Thing(shape, colour, place, cell_of(x + size // 2, y + size // 2, picture.size[0])))
    return things


def object_scene(random: Random, side: int, labelled: bool = False, most: int = 6) -> Scene:
    picture = Picture(side, side, random.pick(BACKGROUNDS), labelled)
    places = random.sample(range(9), random.between(1, most))
    return Scene(picture, draw_things(random, picture, places))


def random_text(random: Random, shortest: int, longest: int) -> str:
    """A number, a code of letters and digits, or a word."""
    length = random.between(shortest, longest)
    match random.below(4):
        case 0:
            return "".join(random.pick(CHARACTERS[:10]) for _ in range(length))
        case 1:
            return random.pick([word for word in WORDS if shortest <= len(word) <= longest] or ["A"])
    return "".join(random.pick(CHARACTERS) for _ in range(length))


def write_code(random: Random, picture: Picture, code: str, x: int, y: int, scale: int) -> str:
    """Writes in colour on the background, or in white on a coloured panel. Returns the colour."""
    colour = random.pick([name for name in COLOURS if name != "yellow"])
    rgb = jitter(random, COLOURS[colour])
    if random.chance(25):
        width = text_width(code, scale) + 4
        picture.fill(x - 2, y - 2, width, 7 * scale + 4, rgb, COLOUR_IDS[colour])
        draw_text(picture, code, x, y, scale, WHITE)
    else:
        draw_text(picture, code, x, y, scale, rgb, COLOUR_IDS[colour])
    return colour


def code_scene(random: Random, side: int, labelled: bool = False, longest: int = 5) -> Scene:
    """A code over the whole width of one third, things in the other two."""
    picture = Picture(side, side, random.pick(BACKGROUNDS), labelled)
    code = random_text(random, 1, longest)
    unit = side // 112
    scales = [s for s in (2, 3, 4) if text_width(code, s) <= 104 and 7 * s + 6 <= 37]
    scale = random.pick(scales) * unit
    row = random.below(3)
    region = side // 3
    x = random.between(3, side - 3 - text_width(code, scale))
    y = row * region + random.between(3, region - 3 - 7 * scale)
    colour = write_code(random, picture, code, x, y, scale)
    free = [place for place in range(9) if place // 3 != row]
    things = draw_things(random, picture, random.sample(free, random.below(4)))
    return Scene(picture, things, code, colour, cells_of_text(code, x, y, scale, side))


def small_code_scene(random: Random, labelled: bool = False, cut: int = 25) -> Scene:
    """
    A picture of 336 × 336 whose code is 14 pixels high: a third of that at hdNum 1, so that only the
    nine tiles show it. In `cut` of a hundred pictures the code may cross from tile to tile.
    """
    side, scale = 336, 2
    picture = Picture(side, side, random.pick(BACKGROUNDS), labelled)
    code = random_text(random, 3, 5)
    width, height = text_width(code, scale), 7 * scale
    place = random.below(9)
    if random.chance(cut):
        x, y = random.between(3, side - 3 - width), random.between(3, side - 3 - height)
        covered = {(y + dy) // 112 * 3 + (x + dx) // 112 for dx in (-2, width + 1) for dy in (-2, height + 1)}
    else:
        x = place % 3 * 112 + random.between(3, 109 - width)
        y = place // 3 * 112 + random.between(3, 109 - height)
        covered = {place}
    free = [other for other in range(9) if other not in covered]
    things = draw_things(random, picture, random.sample(free, random.between(0, 4)))
    colour = write_code(random, picture, code, x, y, scale)
    return Scene(picture, things, code, colour, cells_of_text(code, x, y, scale, side))


def questions_about(random: Random, scene: Scene, count: int) -> list[Turn]:
    """Up to `count` different questions that the picture answers."""
    turns, seen = [], set()
    for _ in range(3 * count):
        turn = _question(random, scene)
        if turn and turn.query not in seen:
            seen.add(turn.query)
            turns.append(turn)
        if len(turns) == count:
            break
    return turns or [describe(scene)]


def _question(random: Random, scene: Scene) -> Turn | None:
    if scene.code and random.chance(45):
        return code_question(random, scene)
    if not scene.things:
        return None
    kinds = (ask_colour, ask_shape, ask_count, ask_count, ask_where, ask_what, ask_whether)
    if random.chance(12):
        return describe(scene)
    return random.pick(kinds)(random, scene)


def code_question(random: Random, scene: Scene) -> Turn:
    if random.chance(15):
        return Turn("What colour is the text?", scene.code_colour, "colour", [Span(0, 9, (scene.code_cells,))])
    return Turn(random.pick(READING_QUERIES), scene.code, "code", read(scene.code_cells))


def ask_colour(random: Random, scene: Scene) -> Turn | None:
    thing = random.pick(scene.things)
    if sum(other.shape == thing.shape for other in scene.things) > 1:
        query = f"What colour is the {thing.shape} at the {PLACES[thing.place]}?"
        return Turn(query, thing.colour, "colour", whole(thing.colour, thing))
    return Turn(f"What colour is the {thing.shape}?", thing.colour, "colour", whole(thing.colour, thing))


def ask_shape(random: Random, scene: Scene) -> Turn | None:
    thing = random.pick(scene.things)
    if sum(other.colour == thing.colour for other in scene.things) > 1:
        return Turn(f"What shape is at the {PLACES[thing.place]}?", thing.shape, "shape", whole(thing.shape, thing))
    return Turn(f"What shape is {thing.colour}?", thing.shape, "shape", whole(thing.shape, thing))


def ask_count(random: Random, scene: Scene) -> Turn:
    if random.chance(20):
        return _count("shapes", scene.things)
    thing = random.pick(scene.things)
    if random.chance(50):
        return _count(plural(thing.shape), [other for other in scene.things if other.shape == thing.shape])
    return _count(f"{thing.colour} shapes", [other for other in scene.things if other.colour == thing.colour])


def _count(what: str, found: list[Thing]) -> Turn:
    answer = str(len(found))
    return Turn(f"How many {what} are there?", answer, "count", whole(answer, *found, at_start=True))


def plural(shape: str) -> str:
    return "crosses" if shape == "cross" else f"{shape}s"


def ask_where(random: Random, scene: Scene) -> Turn | None:
    thing = random.pick(scene.things)
    if sum(other.name == thing.name for other in scene.things) > 1:
        return None
    return Turn(f"Where is the {thing.name}?", PLACES[thing.place], "position", whole(PLACES[thing.place], thing))


def ask_what(random: Random, scene: Scene) -> Turn:
    thing = random.pick(scene.things)
    return Turn(f"What is at the {PLACES[thing.place]}?", article(thing.name), "position", whole(article(thing.name), thing))


def ask_whether(random: Random, scene: Scene) -> Turn:
    if random.chance(50):
        name = random.pick(scene.things).name
    else:
        name = f"{random.pick(list(COLOURS))} {random.pick(SHAPES)}"
    answer, spans = presence_of(name, scene.things)
    return Turn(f"Is there {article(name)}?", answer, "presence", spans)


def presence_of(name: str, things: list[Thing]) -> tuple[str, list[Span]]:
    """yes, read from any thing of this name; or no, read from the prompt's start."""
    cells = tuple(thing.cell for thing in things if thing.name == name)
    return ("yes", [Span(0, 3, (cells,))]) if cells else ("no", [Span(0, 2, at_start=True)])


def describe(scene: Scene) -> Turn:
    """All there is, in reading order: the densest answer a picture has."""
    parts = [f"{article(thing.name)} at the {PLACES[thing.place]}" for thing in scene.things]
    spans, start = [], 0
    for part, thing in zip(parts, scene.things):
        spans.append(Span(start, start + len(part), ((thing.cell,),)))
        start += len(part) + 2
    if scene.code:
        spans += read(scene.code_cells, start + len("the text "))
        parts.append(f"the text {scene.code}")
    return Turn("Describe this picture.", ", ".join(parts) + ".", "describe", spans)
