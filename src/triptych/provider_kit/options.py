"""Settings that a user writes in a provider's own words, laid over a body without overruling what Triptych sends.

What a request names by its own fields decides about money and about what is shown, so an option cannot change it: it
can only add, or replace a default that the adapter marks as open.
"""

from collections.abc import Mapping

from triptych.provider_kit.upstream import dig
from triptych.spec.errors import BadRequestError
from triptych.spec.image import ImageRequest
from triptych.spec.json import Json


def with_options(
    body: Mapping[str, Json],
    request: ImageRequest,
    provider: str,
    *,
    open_defaults: Mapping[str, Json] | None = None,
    refused: tuple[str, ...] = (),
) -> dict[str, Json]:
    """`open_defaults`, then the user's options, then `body`, which nothing overrules.

    Raises BadRequestError naming the option that would overrule a field of `body` or is one of `refused`
    (a name, or a path with dots).
    """
    options = request.options.get(provider, {})
    for name in refused:
        if dig(options, *name.split(".")) is not None:
            raise _refusal(provider, name)
    return _merge(_merge(dict(open_defaults or {}), options, provider), body, provider, strict=True)


def _merge(
    base: Mapping[str, Json], above: Mapping[str, Json], provider: str, *, path: str = "", strict: bool = False
) -> dict[str, Json]:
    merged = dict(base)
    for name, value in above.items():
        there = merged.get(name)
        if isinstance(there, Mapping) and isinstance(value, Mapping):
            merged[name] = _merge(there, value, provider, path=f"{path}{name}.", strict=strict)
        elif strict and name in merged and there != value:
            raise _refusal(provider, path + name)
        else:
            merged[name] = value
    return merged


def _refusal(provider: str, name: str) -> BadRequestError:
    return BadRequestError(
        f"The option {provider}.{name} would overrule a setting of the request itself.",
        hint="Leave the option out and use the request's own field for it.",
        param=f"options.{provider}.{name}", provider=provider,
    )  # fmt: skip
