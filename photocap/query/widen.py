"""Words that people use for the same thing.

A small list of our own: the everyday nouns and verbs of photo captions. It widens a query only by
words that stand in the index, and what it finds ranks below what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from photocap.query.columns import CONTENT
from photocap.query.tree import And, Node, Not, Or, Phrase, Substring, Word

# Of a photo from a folder "Winter" or of the month May, no other word is true.
_SHOWN = " ".join(CONTENT)

_SETS = """
dog puppy pup hound canine doggy
cat kitten kitty feline
horse pony foal mare stallion
bird pigeon seagull gull duck goose parrot
cow cattle bull calf
sheep lamb goat
baby infant toddler newborn
child kid children toddler
boy lad
girl lass
man men guy gentleman male
woman women lady female
person people human someone adult
crowd audience spectators
friend friends buddies
family parents relatives
mother mom mum mommy
father dad daddy
grandmother grandma granny
grandfather grandpa granddad
bride groom wedding
player athlete sportsman
soccer football
bike bicycle cycle bmx
biker cyclist bicyclist
motorcycle motorbike scooter
car automobile vehicle auto
truck lorry pickup
bus coach minibus
train railway locomotive tram
plane airplane aeroplane aircraft jet
boat ship vessel canoe kayak sailboat
road street lane highway
path trail track
sidewalk pavement footpath
house home building
flat apartment
city town downtown
village hamlet
sea ocean
beach seaside shore coast seashore
lake pond
river stream creek brook
waterfall cascade
mountain hill peak summit
cliff rock boulder
forest wood woods woodland
tree trees
grass lawn meadow field
flower blossom bloom
garden yard backyard
snow snowy ice winter
rain rainy
sunset dusk sundown
sunrise dawn
night dark evening
picture photo photograph image
camera photographer
couch sofa settee
chair seat bench
table desk
cup mug
glass goblet
meal food dinner lunch supper
breakfast brunch
bread toast
cake pastry
drink beverage
beer ale
phone telephone cellphone smartphone
computer laptop
tv television
movie film
book novel
hat cap
jacket coat
pants trousers jeans
shirt tshirt
sweater jumper pullover
shoes sneakers trainers
glasses spectacles sunglasses
bag backpack rucksack
umbrella parasol
ball football basketball
pool swimming
playground swing slide
skateboard skateboarder skateboarding
surfer surfing surfboard
skier skiing ski
climb climbing climber
run running sprint jog race
jump jumping leap leaping hop
walk walking stroll hike
hiker hiking backpacker
swim swimming swimmer
throw toss pitch
catch grab
smile smiling grin laugh
sleep sleeping nap asleep
eat eating
talk chat speak
dance dancing dancer
sing singing singer
play playing
look watch stare gaze
ride riding
red crimson scarlet
blue navy
brown tan
purple violet
orange amber
gray grey
white pale
black dark
big large huge
small little tiny
old elderly
young youthful
autumn fall
holiday vacation
christmas xmas
"""


def _synonyms() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for line in _SETS.strip().splitlines():
        words = line.split()
        for word in words:
            found.setdefault(word, []).extend(other for other in words if other != word)
    return {word: tuple(dict.fromkeys(others)) for word, others in found.items()}


_SYNONYMS = _synonyms()


def synonyms(word: str) -> tuple[str, ...]:
    """Return the other words for a word, also when it stands in a simple plural."""
    lower = word.lower()
    for form in (lower, lower.removesuffix("s"), lower.removesuffix("es"), lower.removesuffix("ies") + "y"):
        if form in _SYNONYMS:
            return _SYNONYMS[form]
    return ()


def widened(
    node: Node, in_index: Callable[[str], bool], compounds: Callable[[str], Iterable[str]] = lambda _: ()
) -> Node:
    """Return a tree in which each word may be another word for the same thing; exclusions stay exact.

    Args:
        node: the tree.
        in_index: tells whether some photo has a word.
        compounds: gives longer words of which a word is a part.
    """
    if isinstance(node, Word) and not node.prefix and not node.column:
        others = [Word(other, column=_SHOWN) for other in synonyms(node.text) if in_index(other)]
        others += [Word(other) for other in compounds(node.text)]
        return Or((node, *others)) if others else node
    if isinstance(node, And):
        return And(tuple(widened(part, in_index, compounds) for part in node.parts))
    if isinstance(node, Or):
        return Or(tuple(widened(part, in_index, compounds) for part in node.parts))
    return node


def searched_texts(node: Node | None) -> Iterator[Word | Phrase | Substring]:
    """Yield the words and phrases that a tree looks for, leaving out what it excludes."""
    if isinstance(node, (Word, Phrase, Substring)):
        yield node
    elif isinstance(node, (And, Or)):
        for part in node.parts:
            yield from searched_texts(part)
    elif not isinstance(node, (Not, type(None))):
        return
