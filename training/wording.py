"""Words that people use with such models beyond those of the lessons: they become pieces of the vocabulary too."""

from prompts import META_CHAT

#: Asked and answered everywhere; the first of a sentence begins large.
COMMON = """
a about above after again all also an and any are around as ask at away be because been before behind below beside
between big both bottom bright but by can caption center centre character close code color colour come compare
contain corner could count dark day describe detail different do does down draw each empty equal every explain
far few file find first follow font for frame from give go good great has have height here how if image in inside
into is it its just kind know large last left letter light like line list little long look made make many mark
match middle more most much name near new next no not now number object of off old on once one only open or order
other out over page paint pair part people photo picture place please point position print question read right
room round row same say scene screen second see shape short show shown side sign simple size small so some square
start still style sum table take tell text than that the their them then there these they thing think third this
those time title to together too top total translate triangle true try two type under until up upper use very video
view visible want was way we website well were what when where which while white who whole why wide width will with
without word work would write yellow yes you your zero
What Where Which Who Why How When Is Are Does Do Can Could Please Describe Read Tell Show Find Count List Name Write
Make Give Look Compare Explain In On At From There This These That The It Its Yes No Not One Two Three And But
"""


def everyday_texts() -> list[str]:
    return [META_CHAT, *COMMON.split("\n")]
