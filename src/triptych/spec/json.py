"""The type of a decoded JSON value."""

from collections.abc import Mapping, Sequence
from typing import Union

Json = Union[None, bool, int, float, str, "Sequence[Json]", "Mapping[str, Json]"]
JsonObject = Mapping[str, Json]
