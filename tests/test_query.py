from __future__ import annotations

import random
import sqlite3

import pytest

from photocap.query import (
    COLUMNS,
    CONTENT,
    And,
    Compare,
    Contains,
    Field,
    Near,
    NearPlace,
    Not,
    Or,
    Phrase,
    Substring,
    Taken,
    Trait,
    Word,
    describe,
    is_text,
    parse_query,
    searched_texts,
    synonyms,
    to_fts,
    widened,
)

DOG, CAT, BEACH = Word("dog"), Word("cat"), Word("beach")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("dog", DOG),
        ("dog cat", And((DOG, CAT))),
        ("dog AND cat", And((DOG, CAT))),
        ("dog OR cat beach", Or((DOG, And((CAT, BEACH))))),
        ("(dog OR cat) beach", And((Or((DOG, CAT)), BEACH))),
        ("dog -cat", And((DOG, Not(CAT)))),
        ("dog NOT cat", And((DOG, Not(CAT)))),
        ("dog -(cat OR beach)", And((DOG, Not(Or((CAT, BEACH)))))),
        ("-dog", Not(DOG)),
        ('"dog  on beach"', Phrase("dog on beach")),
        ("bea*", Word("bea", prefix=True)),
        ("a dog on the beach", And((DOG, BEACH))),
        ("the", Word("the")),
        ("dog,cat", And((DOG, CAT))),
        ("t-shirt", Word("t-shirt")),
        ("12:30", And((Word("12"), Word("30")))),
        ("犬", Substring("犬")),
        ("🎉", Substring("🎉")),
        ("before:2019", Taken(None, "2019-01-01")),
        ("after:2015-06", Taken("2015-06-01", None)),
        ("date:2017-08", Taken("2017-08-01", "2017-09-01")),
        ("date:2017-12-31", Taken("2017-12-31", "2018-01-01")),
        ("date:2016", Taken("2016-01-01", "2017-01-01")),
        ("camera:pentax", Contains(Field.CAMERA, "pentax")),
        ('camera:"PENTAX K-5"', Contains(Field.CAMERA, "PENTAX K-5")),
        ("path:holiday", Contains(Field.PATH, "holiday")),
        ("caption:dog", Word("dog", column="person_words caption")),
        ('caption:"dog cat"', Phrase("dog cat", column="person_words caption")),
        ("keyword:dog", Word("dog", column="keywords")),
        ("person:anna", Word("anna", column="people")),
        ("conf:>0.5", Compare(Field.CONFIDENCE, ">", 0.5)),
        ("rating:>=3", Compare(Field.RATING, ">=", 3)),
        ("width:4000", Compare(Field.WIDTH, "=", 4000)),
        ("near:48.2,16.4,10km", Near(48.2, 16.4, 10)),
        ("near:48.2,-16.4,500m", Near(48.2, -16.4, 0.5)),
        ("near:48.2,16.4", Near(48.2, 16.4, 10)),
        ("has:gps", Trait(Field.HAS, "gps")),
        ("is:edited", Trait(Field.IS, "edited")),
        # What is not an operator in its place is text.
        ("dog OR", DOG),
        ("OR dog", DOG),
        ("AND", Word("AND")),
        ("dog AND OR cat", Or((DOG, CAT))),
        ("(dog", DOG),
        ("dog) cat", And((DOG, CAT))),
        ('"dog cat', And((DOG, CAT))),
        ("dog ()", DOG),
        ("dog - cat", And((DOG, CAT))),
        ("before:soon", Word("soon")),
        ("size:big", And((Word("size"), Word("big")))),
        ("near:95,0", And((Word("95"), Word("0")))),
        ("near:vienna,5km", NearPlace("vienna", 5)),
        ("date:2017-02-30", And((Word("date"), Word("2017-02-30")))),
        ("", None),
        ("!!! --- ...", None),
    ],
)
def test_reading(text, tree):
    assert parse_query(text).tree == tree


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("before:soon", "expects a date"),
        ("is:purple", "expects one of edited"),
        ("(dog", "parentheses"),
        ("!!!", "nothing"),
        ("dog " * 100, "first 64 of 100"),
    ],
)
def test_what_is_read_otherwise_is_said(text, note):
    assert note in " ".join(parse_query(text).notes)


def test_only_words_and_filters_side_by_side_are_plain():
    for text in ("dog beach before:2019", "dog or cat", "a beach, no people", "not a dog"):
        assert parse_query(text).plain
    for text in ("dog OR cat", "-dog", '"dog"', "(dog)", "dog AND cat", "dog NOT cat"):
        assert not parse_query(text).plain


def test_describing():
    query = parse_query("(dog OR cat) -beach before:2019")
    assert describe(query) == 'photos (with "dog" or with "cat") and not with "beach" and taken before 2019-01-01'


def test_words_for_the_same_thing_are_added_only_when_the_index_has_them():
    tree = widened(parse_query("puppy -cat").tree, {"dog", "kitten"}.__contains__)
    assert tree == And((Or((Word("puppy"), Word("dog", column=" ".join(CONTENT)))), Not(CAT)))
    assert "dog" in synonyms("puppies")


def test_excluded_words_are_not_searched():
    assert list(searched_texts(parse_query("dog -cat (beach OR bea*)").tree)) == [
        DOG,
        BEACH,
        Word("bea", prefix=True),
    ]


PIECES = [
    "dog", "cat", "Straße", "犬が走る", "🐕", "\udcff", "\0", "\n", " ", " ", " ", '"', '""', "(", ")", "((", "))",
    "-", "--", "*", "**", "AND", "OR", "NOT", "NEAR", "NEAR(", ":", "::", "caption:", "before:", "before:2019",
    "before:0000", "date:9999", "after:2015-13", "rating:>=3", "rating:", "conf:>0.5", "width:>99999999999999999999",
    "near:48.2,16.4,10km", "near:nan,inf", "has:gps", "is:missing", "is:", 'camera:"', 'camera:"a b"', "path:%_\\",
    "lens:'", ";", "'", "\\", "^", "{", "}", "[", "]", "+", "=", "<", ">", "~", "%", "_", "$1", "?", "?1", "@", "#",
    "DROP TABLE photo;", "col:x", "rowid", "\u202e", "\u0301", "İ", "ﬁ", "a" * 300, "1e999", "-1", "0x10", "ٱلْكَلْب",
]  # fmt: skip


def random_query(random_: random.Random) -> str:
    if random_.random() < 0.2:
        return "".join(chr(random_.randrange(0x110000)) for _ in range(random_.randrange(20)))
    joint = random_.choice(["", " ", " "])
    return joint.join(random_.choice(PIECES) for _ in range(random_.randrange(30)))


def test_ten_thousand_strings_raise_nothing_and_fts5_takes_every_expression():
    random_ = random.Random(5)
    connection = sqlite3.connect(":memory:")
    columns = ", ".join(COLUMNS)
    connection.execute(f"CREATE VIRTUAL TABLE t USING fts5({columns}, tokenize='porter unicode61 remove_diacritics 2')")
    connection.execute("INSERT INTO t (caption) VALUES ('a dog and a cat')")
    searched = 0
    for _ in range(10_000):
        query = parse_query(random_query(random_))
        describe(query)
        if query.tree is not None and is_text(query.tree):
            connection.execute("SELECT rowid FROM t(?)", (to_fts(query.tree),)).fetchall()
            searched += 1
    connection.close()
    assert searched > 1_000


def test_deep_nesting_and_long_text_are_bounded():
    parse_query("(" * 100_000 + "dog" + ")" * 100_000)
    parse_query("-" * 100_000 + "dog")
    parse_query("NOT " * 10_000 + "dog")
    words = parse_query("dog,cat " * 10_000).tree
    assert len(words.parts) <= 128
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5(x)")
    for text in ("a," * 100_000, " OR ".join("ab"), "x " + "-y " * 100, "(x OR " * 100 + "y" + ")" * 100):
        connection.execute("SELECT rowid FROM t(?)", (to_fts(parse_query(text).tree),)).fetchall()
    connection.close()
