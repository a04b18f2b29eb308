"""Simple pages: as data, as HTML with Tailwind classes, as a screenshot and as an instruction."""

from dataclasses import dataclass
from collections.abc import Callable

from .draw import COLOUR_IDS, COLOURS, WHITE, Picture, draw_text, text_width
from .examples import Span, copied
from .font import CHARACTERS
from .objects import CELL, cell_of, cells_of_text, read
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
    left, down, scale = _text_place(element)
    match element.kind:
        case "bar":
            picture.fill(0, 0, SIDE, 40, rgb, colour_id)
        case "button":
            picture.fill(left - 4, top + 14, text_width(element.text, 2) + 8, 28, rgb, colour_id)
        case "box":
            picture.fill(left, top + 8, 80, 40, rgb, colour_id)
    ink = (WHITE, 0) if element.kind in ("bar", "button") else (rgb, colour_id)
    draw_text(picture, element.text, left, top + down, scale, *ink)


def _text_place(element: Element) -> tuple[int, int, int]:
    """Left edge, distance from the line's top, and scale."""
    down, scale = {"bar": (10, 3), "heading": (18, 3), "text": (20, 2), "button": (21, 2), "box": (8, 1)}[element.kind]
    return (120 if element.right else 8), down, scale


def html_of(page: Page) -> str:
    body = "".join(f"{tag_of(element)}\n" for element in page.elements)
    return f'<html>\n<body class="{PAPER_CLASSES[page.paper]}">\n{body}</body>\n</html>'


def tag_of(element: Element) -> str:
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
    parts = "; ".join(wish_of(element) for element in page.elements)
    return f"{page.paper} paper with {parts}."


def wish_of(element: Element) -> str:
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


def spans_of_page(page: Page, document: str, part_of: Callable[[Element], str]) -> list[Span]:
    """
    The paper is read from anywhere, each element's part of the document from where the element stands, its
    text character by character.
    """
    everywhere = tuple(range((SIDE // CELL) ** 2))
    spans, start = [Span(0, document.index(part_of(page.elements[0])), (everywhere,))], 0
    for line, element in enumerate(page.elements):
        part = part_of(element)
        start = document.index(part, start)
        spans.append(Span(start, start + len(part), ((_cell_of_element(element, line),),)))
        if element.text:
            left, down, scale = _text_place(element)
            spans += read(cells_of_text(element.text, left, line * LINE + down, scale, SIDE), start + _text_begin(part, element))
        start += len(part)
    return spans


def spans_of_instruction(page: Page, html: str, query: str) -> list[Span]:
    """Each tag is read from the words that ask for it, its text character by character."""
    spans, tag_start, wish_start = [], 0, 0
    for element in page.elements:
        tag, wish = tag_of(element), wish_of(element)
        tag_start, wish_start = html.index(tag, tag_start), query.index(wish, wish_start)
        spans.append(Span(tag_start, tag_start + len(tag), query=(wish_start, wish_start + len(wish))))
        if element.text:
            spans += copied(len(element.text), tag_start + _text_begin(tag, element), wish_start + _text_begin(wish, element))
        tag_start, wish_start = tag_start + len(tag), wish_start + len(wish)
    return spans


def _text_begin(part: str, element: Element) -> int:
    """Where the element's text begins in its tag or its wish."""
    before = ">" if part.startswith("<") else " "
    return part.index(f"{before}{element.text}") + 1


def _cell_of_element(element: Element, line: int) -> int:
    """Where its text begins, or a box has its middle."""
    left, down, scale = _text_place(element)
    if element.text:
        return cells_of_text(element.text, left, line * LINE + down, scale, SIDE)[0]
    return cell_of(left + 40, line * LINE + 28, SIDE)
