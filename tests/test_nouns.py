from photocap.evaluation.nouns import common_nouns

CAPTIONS = [
    "a black dog runs on the grass",
    "two dogs are playing in the snow",
    "the dog jumps over a red fence",
    "a man in a blue shirt is standing near a fence",
    "three men on a beach with another man",
    "her cat is sleeping on the black sofa",
    "a dog",
]


def test_nouns_by_how_they_are_used():
    nouns = common_nouns([caption.split() for caption in CAPTIONS])
    assert nouns[0] == "dog"
    assert {"man", "men", "dogs", "fence", "shirt", "snow", "grass", "beach", "cat", "sofa"} <= set(nouns)
    assert not {"a", "the", "black", "red", "blue", "standing", "playing", "sleeping", "another", "is"} & set(nouns)


def test_limit_and_nothing():
    assert common_nouns([caption.split() for caption in CAPTIONS], limit=1) == ["dog"]
    assert common_nouns([]) == []
    assert common_nouns([[], ["dog"]]) == []
