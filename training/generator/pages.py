"""Simple pages: as data, as HTML with Tailwind classes, as a screenshot and as an instruction."""

from dataclasses import dataclass

from .draw import COLOUR_IDS, COLOURS, WHITE, Picture, draw_text, text_width
from .font import CHARACTERS
from .rng import Random
from .words import WORDS

SIDE = 224
#: A page is a column of four lines; a line never crosses from tile to tile.
LINE = 56
PAPERS = {"white": (255, 255, 255), "gray": (229, 231, 235), "yellow": (254, 249, 195)}
PAPER_CLASSES = {"white": "bg-white", "gray": "bg-gray-200", "yellow": "bg-yellow-100"}
KINDS = ("heading", "text", "button", "box")


@dataclass(frozen=True)
class Element:
    kind: str
    colour: str
    text: str
    right: bool


@dataclass(frozen=True)
class Page:
    paper: str
    elements: tuple[Element, ...]


def random_page(random: Random) -> Page:
    elements = []
    for line in range(random.between(1, 4)):
        if line == 0 and random.chance(50):
            elements.append(Element("bar", random.pick(list(COLOURS)), _text(random, 5), False))
            continue
        kind = random.pick(KINDS)
        colour = "black" if kind == "text" else random.pick(list(COLOURS))
        text = "" if kind == "box" else _text(random, 5 if kind == "heading" else 8)
        elements.append(Element(kind, colour, text, random.chance(30)))
    return Page(random.pick(list(PAPERS)), tuple(elements))


def _text(random: Random, longest: int) -> str:
    if random.chance(30):
        return "".join(random.pick(CHARACTERS) for _ in range(random.between(2, longest)))
    return random.pick([word for word in WORDS if len(word) <= longest])


def draw_page(page: Page, labelled: bool = False) -> Picture:
    picture = Picture(SIDE, SIDE, PAPERS[page.paper], labelled)
    for line, element in enumerate(page.elements):
        _draw_element(picture, element, line * LINE)
    return picture


def _draw_element(picture: Picture, element: Element, top: int) -> None:
    rgb, colour_id = COLOURS[element.colour], COLOUR_IDS[element.colour]
    left = 120 if element.right else 8
    match element.kind:
        case "bar":
            picture.fill(0, 0, SIDE, 40, rgb, colour_id)
            draw_text(picture, element.text, 8, 10, 3, WHITE)
        case "heading":
            draw_text(picture, element.text, left, top + 18, 3, rgb, colour_id)
        case "text":
            draw_text(picture, element.text, left, top + 20, 2, rgb, colour_id)
        case "button":
            picture.fill(left - 4, top + 14, text_width(element.text, 2) + 8, 28, rgb, colour_id)
            draw_text(picture, element.text, left, top + 21, 2, WHITE)
        case "box":
            picture.fill(left, top + 8, 80, 40, rgb, colour_id)


def html_of(page: Page) -> str:
    body = "".join(f"{_tag(element)}\n" for element in page.elements)
    return f'<html>\n<body class="{PAPER_CLASSES[page.paper]}">\n{body}</body>\n</html>'


def _tag(element: Element) -> str:
    side = " ml-auto" if element.right else ""
    shade = element.colour if element.colour == "black" else f"{element.colour}-600"
    match element.kind:
        case "bar":
            return f'<nav class="bg-{shade} text-white">{element.text}</nav>'
        case "heading":
            return f'<h1 class="text-{shade}{side}">{element.text}</h1>'
        case "text":
            return f'<p class="text-{shade}{side}">{element.text}</p>'
        case "button":
            return f'<button class="bg-{shade} text-white{side}">{element.text}</button>'
        case "box":
            return f'<div class="bg-{shade} w-20 h-10{side}"></div>'
    raise ValueError(f"no element is called {element.kind}")


def instruction_of(random: Random, page: Page) -> str:
    opening = random.pick(("A web page", "Write a page", "Make a website"))
    return f"{opening} on {words_of(page)}"


def words_of(page: Page) -> str:
    parts = "; ".join(_wish(element) for element in page.elements)
    return f"{page.paper} paper with {parts}."


def _wish(element: Element) -> str:
    side = " on the right" if element.right else ""
    match element.kind:
        case "bar":
            return f"a {element.colour} navigation bar saying {element.text}"
        case "heading":
            return f"a {element.colour} heading {element.text}{side}"
        case "text":
            return f"the text {element.text}{side}"
        case "button":
            return f"a {element.colour} button {element.text}{side}"
        case "box":
            return f"a {element.colour} box{side}"
    raise ValueError(f"no element is called {element.kind}")
