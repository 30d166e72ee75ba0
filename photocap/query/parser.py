"""Read a query. Every string is one: what is not an operator in its place is a word.

or    = and ("OR" and)*
and   = unary ("AND"? unary)*
unary = ("NOT" | "-") unary | atom
atom  = "(" or ")" | field ":" value | '"' phrase '"' | word

Before that, `natural` turns what people say in plain words into these operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from photocap.query.fields import ALIASES, FIELDS, read_field
from photocap.query.lexer import Token, TokenKind, tokenize, without_controls
from photocap.query.natural import as_meant
from photocap.query.nearest import nearest_name
from photocap.query.tree import And, Node, Not, Or, Query, Word
from photocap.query.words import STOP_WORDS, in_column, phrase_of, words_of

# FTS5 and SQLite bound the depth and size of an expression; nobody types more than this by hand.
_MAX_CHARACTERS = 1_000
_MAX_TOKENS = 64
_MAX_DEPTH = 16
_OPERATORS = ("AND", "OR", "NOT")


def parse_query(text: str) -> Query:
    """Read a query; never raises, whatever the text."""
    return _Parser(text).query()


class _Parser:
    """One pass over the tokens, by recursive descent."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._notes: list[str] = []
        self._words: list[str] = []
        self._excluding = False
        self._plain = True
        self._place = 0
        if len(text) > _MAX_CHARACTERS:
            self._notes.append(f"only the first {_MAX_CHARACTERS:,} characters are searched for")
        tokens = tokenize(without_controls(text[:_MAX_CHARACTERS]))
        if len(tokens) > _MAX_TOKENS:
            self._notes.append(f"only the first {_MAX_TOKENS} of {len(tokens):,} words are searched for")
        self._tokens = self._balanced(as_meant(self._resolved(tokens[:_MAX_TOKENS])))

    def query(self) -> Query:
        tree = self._or()
        if tree is None and self._text.strip():
            self._notes.append("there is nothing in it to search for")
        return Query(
            text=self._text,
            tree=tree,
            notes=tuple(dict.fromkeys(self._notes)),
            words=" ".join(self._words),
            plain=self._plain,
        )

    def _resolved(self, tokens: list[Token]) -> list[Token]:
        """Give fields their proper names; what is no field is text."""
        found: list[Token] = []
        for token in tokens:
            name = token.field.lower()
            proper = name if name in FIELDS else ALIASES.get(name) or nearest_name(name, FIELDS)
            if token.kind is not TokenKind.FIELD:
                found.append(token)
            elif proper:
                if proper != name:
                    self._notes.append(f"there is no field {name}:, {token.raw} is read as {proper}:")
                found.append(replace(token, field=proper))
            elif token.quoted:
                found.append(Token(kind=TokenKind.PLAIN, text=token.field, raw=token.field))
                found.append(Token(kind=TokenKind.QUOTED, text=token.text, raw=f'"{token.text}"'))
            else:
                found.append(Token(kind=TokenKind.PLAIN, text=token.raw, raw=token.raw))
        return found

    def _balanced(self, tokens: list[Token]) -> list[Token]:
        """Drop every parenthesis that has no partner or is nested too deep."""
        opened: list[int] = []
        keep = [token.kind not in (TokenKind.OPEN, TokenKind.CLOSE) for token in tokens]
        for place, token in enumerate(tokens):
            if token.kind is TokenKind.OPEN:
                opened.append(place)
            elif token.kind is TokenKind.CLOSE and opened:
                partner = opened.pop()
                keep[partner] = keep[place] = len(opened) < _MAX_DEPTH
        if not all(keep):
            self._notes.append("parentheses without a partner are left out")
        return [token for token, kept in zip(tokens, keep, strict=True) if kept]

    def _peek(self) -> Token | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _is_operator(self, word: str) -> bool:
        """Return whether the next token is this operator, with something behind it to work on."""
        token = self._peek()
        if token is None or token.kind is not TokenKind.PLAIN or token.text != word:
            return False
        return self._operand_at(self._place + 1)

    def _operand_at(self, place: int) -> bool:
        """Return whether an operand begins at `place`: a word, a parenthesis, or NOT with an operand."""
        while place < len(self._tokens):
            token = self._tokens[place]
            if token.kind is TokenKind.MINUS or (token.kind is TokenKind.PLAIN and token.text == "NOT"):
                place += 1
                continue
            bare_operator = token.kind is TokenKind.PLAIN and token.text in _OPERATORS
            return token.kind is not TokenKind.CLOSE and not bare_operator
        return False

    def _take_operator(self) -> None:
        self._plain = self._plain and not self._tokens[self._place].is_verbatim
        self._place += 1

    def _or(self) -> Node | None:
        parts = [self._and()]
        while self._is_operator("OR"):
            self._take_operator()
            parts.append(self._and())
        found = [part for part in parts if part is not None]
        return _one_of(found, Or)

    def _and(self) -> Node | None:
        parts: list[Node] = []
        while (token := self._peek()) and token.kind is not TokenKind.CLOSE:
            # At the start of a list an OR has nothing on its left and is a word.
            if self._is_operator("OR") and self._place and self._tokens[self._place - 1].kind is not TokenKind.OPEN:
                break
            if self._is_operator("AND") and parts:
                self._take_operator()
            parts += self._unary()
        return _one_of(_without_stop_words(parts), And)

    def _unary(self) -> list[Node]:
        token = self._peek()
        if token is None:
            return []
        if token.kind is TokenKind.MINUS or self._is_operator("NOT"):
            self._take_operator()
            outer, self._excluding = self._excluding, True
            negated = _one_of(self._unary(), And)
            self._excluding = outer
            return [Not(negated)] if negated is not None else []
        return self._atom()

    def _atom(self) -> list[Node]:
        token = self._tokens[self._place]
        if token.kind is TokenKind.OPEN:
            self._take_operator()
            inner = self._or()
            self._place += 1
            return [inner] if inner is not None else []
        self._place += 1
        if token.kind is TokenKind.QUOTED:
            self._plain = False
            return self._noted(token, phrase_of(token.text))
        if token.kind is TokenKind.FIELD:
            return self._field(token)
        return self._noted(token, words_of(token.text))

    def _field(self, token: Token) -> list[Node]:
        if column := FIELDS[token.field].column:
            self._plain = False
            texts = phrase_of(token.text) if token.quoted else words_of(token.text)
            return self._noted(token, [in_column(text, column) for text in texts])
        found = read_field(token.field, token.text)
        if isinstance(found, str):
            self._notes.append(f"{token.field}: expects {found}; {token.raw} is searched for as words")
            return [*words_of(token.field), *words_of(token.text)]
        return [found]

    def _noted(self, token: Token, found: Sequence[Node]) -> list[Node]:
        if not found:
            self._notes.append(f"{token.raw} is punctuation and is left out")
        elif not self._excluding:
            self._words.append(token.text)
        return list(found)


def _one_of(parts: list[Node], kind: type[And | Or]) -> Node | None:
    """Join parts; one part stands for itself."""
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else kind(tuple(parts))


def _without_stop_words(parts: list[Node]) -> list[Node]:
    """Leave out words such as "the" where there are others to go by."""
    telling = [part for part in parts if not (isinstance(part, Word) and is_stop_word(part))]
    searchable = [part for part in telling if not isinstance(part, Not)]
    return telling if searchable else parts


def is_stop_word(word: Word) -> bool:
    """Return whether a word says nothing about a picture."""
    return not word.prefix and word.text.lower() in STOP_WORDS
