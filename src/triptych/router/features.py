"""What a decision may know of a request."""

from triptych.spec.image import ImageRequest
from triptych.spec.model import Lane
from triptych.spec.routing import NO_FLOORS, Features, Floors
from triptych.spec.sizing import resolution_side

_DEFAULT_SIDE = 1024  # what nearly every model draws when nothing was asked for


def features_of(
    request: ImageRequest,
    model: str,
    *,
    lane_floor: Lane | None = None,
    max_price_micro_usd: int | None = None,
    other_models: bool = False,
    floors: Floors = NO_FLOORS,
) -> Features:
    """The features of a request: counts and sizes, never its prompt or pictures."""
    side = resolution_side(request.resolution) if request.resolution else _DEFAULT_SIDE
    pixels = request.size.pixels if request.size else side * side
    return Features(
        model=model,
        operation=request.operation,
        n=request.n,
        megapixels_x100=pixels // 10_000,
        quality=request.quality or "auto",
        input_images=len(request.images),
        mask=request.mask is not None,
        lane_floor=lane_floor,
        max_price_micro_usd=max_price_micro_usd,
        other_models=other_models,
        no_training=floors.no_training,
        max_retention_days=floors.max_retention_days,
        regions=tuple(sorted(set(floors.regions))),
        no_community=floors.no_community,
    )
