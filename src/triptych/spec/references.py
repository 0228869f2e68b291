"""Pictures that go along with a prompt: which of them a model gets, and in which order."""

from collections.abc import Sequence

from triptych.spec.image import InputImage, Role

_RANK: dict[Role, int] = {"edit": 0, "subject": 1, "layout": 2, "style": 3}


def chosen_first(images: Sequence[InputImage], limit: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Indexes into `images`: those that a model with room for `limit` gets, in the order sent (the picture to edit, then
    subject, layout, style; as given within a role), and those that it does not get, as given."""
    ordered = sorted(range(len(images)), key=lambda index: _RANK[images[index].role])
    return tuple(ordered[:limit]), tuple(sorted(ordered[limit:]))


def names_of(images: Sequence[InputImage], indexes: Sequence[int]) -> str:
    """`@img1 (style), @img3 (subject)`, by the numbers that a prompt calls them by."""
    return ", ".join(f"@img{index + 1} ({images[index].role})" for index in indexes)
