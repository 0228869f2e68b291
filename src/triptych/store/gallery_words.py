"""The words that pictures of the gallery are found by, and the expressions that look for them.

A picture has words in four columns: `words` of its prompts and its model, `facts` (who made it, what it started from),
`notes` (of its tags) and `signs` (stars, verdict, tags, colours). Those of `facts` and `signs` begin with a letter for
their kind, so that one index finds everything together; free text never looks into them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from triptych.spec.gallery import OF_A_NODE, GallerySearch, Marks
from triptych.spec.records import PictureRecord, TileRecord
from triptych.store.codec import search_terms, search_words

SEQ_BITS = 20
"""Bits of a `seq` that count what was made in the same millisecond."""
_MODEL, _NODE, _REFERENCE, _STARS, _VERDICT, _TAG = "zm", "zn", "zr", "zs", "zk", "zt"
_REFERS, _REFERS_NOT = f"{_REFERENCE}any", f"{_REFERENCE}none"
_MOST_STARS = 5


def gallery_row(tile: TileRecord, picture: PictureRecord) -> dict[str, Any]:
    """A row of the gallery for a picture that nothing was said about yet."""
    start = picture.created_ms << SEQ_BITS
    name = tile.endpoint or tile.model
    node = OF_A_NODE.fullmatch(name)
    model = search_words(f"node {node[2]}" if node else name)
    prompt = str(tile.request.get("prompt") or "")
    texts = (prompt, picture.revised_prompt or "", " ".join(model))
    cost = picture.cost.amount_micro_usd if picture.cost is not None else None
    return {
        "id": picture.id, "seq_start": start, "seq_end": start + (1 << SEQ_BITS), "tile_id": tile.id,
        "run_id": tile.run_id, "sha256": picture.sha256, "created_ms": picture.created_ms, "width": picture.width,
        "height": picture.height, "cost_micro_usd": cost, "stars": 0, "verdict": "open", "trashed_ms": None,
        "shape": None, "tone": None, "colours": "", "tags": "[]", "alt": None, "notes": "", "signs": signs(Marks(), ""),
        "words": " ".join(word for text in texts for word in search_words(text)),
        "facts": " ".join([*_facts(name), *_references(tile.request.get("images"))]),
    }  # fmt: skip


def _facts(model: str) -> list[str]:
    """What is kept of a model. The key of a node is one word of its own kind, which is found by a model's whole id only."""
    if (node := OF_A_NODE.fullmatch(model)) is None:
        return [_MODEL + word for word in search_words(model)]
    key = _NODE + node[1].casefold().encode().hex()
    return [f"{_MODEL}node", key, *(_MODEL + word for word in search_words(node[2]))]


def _references(images: Any) -> Iterator[str]:
    found = [str(image.get("sha256")) for image in images or () if isinstance(image, Mapping)]
    yield _REFERS if found else _REFERS_NOT
    yield from (_REFERENCE + sha256 for sha256 in found)


def signs(marks: Marks, colours: str) -> str:
    """The signs of a picture with these marks, and with the words of its colours."""
    tags = [_tag(tag) for tag in marks.tags]
    return " ".join([f"{_STARS}{marks.stars}", _VERDICT + marks.verdict, *tags, *colours.split()])


def notes(marks: Marks) -> str:
    """The words of the tags, for free text."""
    return " ".join(word for tag in marks.tags for word in search_words(tag))


def _tag(tag: str) -> str:
    return _TAG + tag.casefold().encode().hex()


Term = tuple[str, bool]
"""Words that follow each other, and whether the last one may go on."""


def _signs(search: GallerySearch) -> Iterator[Sequence[Term]]:
    """What the facts and signs must hold: of each group one term."""
    for model in search.models:
        plain = [_MODEL + word for word in search_words(model)]
        # Pictures of an earlier version have the letters of a node's key among the words of its model.
        yield [(" ".join(words) or _MODEL, True) for words in dict.fromkeys((tuple(_facts(model)), tuple(plain)))]
    for prefix in search.references:
        yield [(_REFERENCE + prefix.lower(), True)]
    if search.referring is not None:
        yield [(_REFERS if search.referring else _REFERS_NOT, False)]
    for low, high in search.stars:
        yield [(f"{_STARS}{n}", False) for n in range(max(0, low), min(_MOST_STARS, high) + 1)] or [("zsnone", False)]
    yield from ([(_VERDICT + verdict, False)] for verdict in search.verdicts)
    yield from ([(_tag(tag), False)] for tag in search.tags)
    yield from ([(word, False) for word in words] for words in search.colours)


def sqlite_match(search: GallerySearch) -> str:
    """An FTS5 expression (sqlite.org/fts5.html, section 3), empty when no word is looked for. Words are letters and
    digits only, so quoting them is enough."""
    parts = [f'{{words notes}} : ("{" ".join(words)}" *)' for words in search_terms(search.text)]
    for group in _signs(search):
        terms = [f'"{words}"{" *" if opened else ""}' for words, opened in group]
        parts.append(f"{{facts signs}} : ({' OR '.join(terms)})")
    return " AND ".join(parts)


def postgres_match(search: GallerySearch) -> str:
    """The same for `to_tsquery`: the four columns are the weights A to D."""
    parts = [_postgres_term(words, "AC", opened=True) for words in search_terms(search.text)]
    for group in _signs(search):
        terms = [_postgres_term(words.split(), "BD", opened=opened) for words, opened in group]
        parts.append(f"({' | '.join(terms)})")
    return " & ".join(parts)


def _postgres_term(words: Sequence[str], weights: str, *, opened: bool) -> str:
    """Facts and signs all begin with a z: any other word is looked for without its columns, which the index does not know, so
    that PostgreSQL need not look each row up that it finds."""
    last = len(words) - 1
    ends = [("*" if opened and n == last else "") + (weights if word[0] == "z" else "") for n, word in enumerate(words)]
    return "(" + " <-> ".join(f"{word}:{end}" if end else word for word, end in zip(words, ends, strict=True)) + ")"
