"""The gallery's part of the stand-in: as many made pictures as a test asks for, newest first, found by words and stars."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from tests.web.painting import paint

from triptych.server.errors import error_response
from triptych.spec.errors import BadRequestError, StorageError

Object = dict[str, Any]
PLAIN: Object = {"asked": {}, "difference_micro_usd": None, "draft": None, "fee_estimate_micro_usd": 0, "fee_micro_usd": 0, "final": False,
                 "imported": None, "model_served": None, "parent": None, "task": None, "trashed_ms": None, "doubt": None}  # fmt: skip
"""What a tile says that is nothing but one of a plain run."""
START_MS = 1_790_000_000_000
MAKERS = (
    ("google/gemini-3.1-flash-image", "Gemini 3.1 Flash Image", "Google"),
    ("xai/grok-imagine", "Grok Imagine", "xAI"),
)
WORDS = ("fox", "kettle", "harbour", "lamp")
TONES = ("#8b5a3c", "#5c7a8f", "#3d4a3a", "#b7a88f")
FIELDS = [{"name": name, "example": f"{name}:{value}"} for name, value in (("model", "seedream"), ("kept", "yes"), ("stars", "4"), ("tag", "summer"), ("project", "spring"), ("trash", "yes"))]  # fmt: skip

EMBEDDER: Object = {"state": "missing", "fetched": 0, "total": 89_117_001, "reason": None, "url": "https://one.example/eye.onnx",
                    "sha256": "ab" * 32, "name": "CLIP ViT-B/32", "license": "MIT", "lacks": None}  # fmt: skip


class FakeGallery:
    """State of one gallery. Only what was said about a picture is kept; the rest is made from its number."""

    def __init__(self) -> None:
        self.size = 0
        self.broken = False
        self.marks: dict[str, Object] = {}
        self.embedder = dict(EMBEDDER)

    def similar(self, number: int, by: str) -> Object:
        """Fetching weights stands half way until a test says `fetched`."""
        eye, seen = dict(self.embedder), self.embedder["state"] == "here"
        if eye["state"] == "fetching":
            eye["fetched"] = eye["total"] // 2
        found = (number + 4, number + 8) if by == "looks" else (number + 1,) if seen else ()
        near = [{**self.entry(n), "differs" if by == "looks" else "alike": 4} for n in found if n < self.size]
        return {"picture": self.entry(number), "pictures": near, "unseen": 7 if by == "shows" and seen else 0, "embedder": eye,
                **({"seen": seen} if by == "shows" else {})}  # fmt: skip

    def state(self, id_: str) -> Object:
        return self.marks.get(
            id_, {"stars": 0, "verdict": "open", "tags": [], "project": None, "trashed_ms": None, "alt": None}
        )

    def entry(self, number: int) -> Object:
        model, name, maker = MAKERS[number % 2]
        id_ = f"img_g{number}"
        return {"id": id_, "tile": f"tile_g{number}", "run": f"run_g{number}", "sha256": f"{number:064x}", "url": f"/api/images/{id_}",
                "thumb": f"/api/images/{id_}/thumb", "view": f"/api/images/{id_}/view", "width": 1024, "height": 1024, "created_ms": START_MS - number * 60_000,
                "prompt": f"a {WORDS[number % 4]}, number {number}", "model": model, "name": name, "maker": maker,
                "media_type": "image/png", "filename": f"{WORDS[number % 4]}_{number}.png", "cost_micro_usd": 39_000, "tone": TONES[number % 4], "parent": None, "watch": None, **self.state(id_)}  # fmt: skip

    def found(self, query: str) -> Sequence[int]:
        trashed = {int(id_[5:]) for id_, marks in self.marks.items() if marks["trashed_ms"]}
        if not query and not trashed:
            return range(self.size)
        return [number for number in range(self.size) if self._fits(number, query.split(), trashed)]

    def _fits(self, number: int, words: list[str], trashed: set[int]) -> bool:
        marks = self.state(f"img_g{number}")
        if (number in trashed) != ("trash:yes" in words):
            return False
        return all(
            _says(marks, *word.split(":", 1)) if ":" in word else WORDS[number % 4].startswith(word) for word in words
        )

    def wrong(self, query: str) -> Response | None:
        for word in query.split():
            name, colon, value = word.partition(":")
            if self.broken:
                return error_response(StorageError("The database is locked.", hint="Try again in a moment."))
            if colon and name not in {field["name"] for field in FIELDS}:
                return error_response(BadRequestError(f"{name}: is no field.", hint="There are model, kept, stars.", param="q"))  # fmt: skip
            if colon and not value:
                return error_response(BadRequestError(f"{name}: has no value.", hint=f"Write {name}:yes.", param="q"))  # fmt: skip
        return None

    def change(self, body: Object) -> Object:
        before = {id_: self.state(id_) for id_ in body["pictures"]}
        for id_, marks in before.items():
            said: Object = {name: body[name] for name in ("stars", "verdict", "project") if name in body}
            now: Object = {**marks, **said}
            if "alt" in body:
                now["alt"] = body["alt"] or None
            taken = body.get("remove_tags", [])
            now["tags"] = [tag for tag in (*marks["tags"], *body.get("add_tags", [])) if tag not in taken]
            if "trashed" in body:
                now["trashed_ms"] = START_MS if body["trashed"] else None
            self.marks[id_] = now
        return {"before": before, "pictures": {id_: self.marks[id_] for id_ in before}}


def _says(marks: Object, name: str, value: str) -> bool:
    kept = (marks["verdict"] == "kept") == (value == "yes")
    return bool(
        {
            "stars": str(marks["stars"]) == value,
            "kept": kept,
            "tag": value in marks["tags"],
            "project": marks["project"] == value,
            "trash": True,
        }[name]
    )


async def gallery(fake: Any, request: Request, body: Any) -> Any:
    mine: FakeGallery = fake.gallery
    if request.method == "PATCH":
        done = mine.change(body)
        fake.tell("marks", {"pictures": done["pictures"]})
        return done
    if request.url.path.endswith("/embedder") and request.method != "GET":
        mine.embedder |= {"state": "fetching" if request.method == "POST" else "missing", "fetched": 0}
        return mine.embedder
    if request.method == "POST":
        mine.marks.update(body["before"])
        fake.tell("marks", {"pictures": body["before"]})
        return {"pictures": body["before"]}
    return _read(mine, request)


def _read(mine: FakeGallery, request: Request) -> Any:
    query, last = request.query_params.get("q", ""), request.url.path.rsplit("/", 1)[-1]
    if last == "fields":
        projects = sorted({marks["project"] for marks in mine.marks.values() if marks["project"]})
        tags = sorted({tag for marks in mine.marks.values() for tag in marks["tags"]})
        models = sorted(model for model, _, _ in MAKERS)
        return {"fields": FIELDS, "models": models, "ratios": ["1:1", "9:16"], "tags": tags, "projects": projects}
    if last == "pictures":
        return {"pictures": [mine.entry(int(id_[5:])) for id_ in request.query_params["pictures"].split(",")]}
    if last == "marks":
        return {"pictures": {id_: mine.state(id_) for id_ in request.query_params["pictures"].split(",")}}
    if "/similar/" in request.url.path:
        return mine.similar(int(last[5:]), request.query_params.get("by", "looks"))
    if last == "embedder":
        return mine.embedder
    return mine.wrong(query) or _list(mine, request, _sorted(mine, request, mine.found(query)), last)


def _sorted(mine: FakeGallery, request: Request, found: Sequence[int]) -> Sequence[int]:
    order = request.query_params.get("order", "newest")
    if order == "stars":
        return sorted(found, key=lambda number: -mine.state(f"img_g{number}")["stars"])
    return found[::-1] if order == "oldest" else found


def _list(mine: FakeGallery, request: Request, found: Sequence[int], last: str) -> Object:
    if last == "count":
        return {"count": len(found)}
    skip = int(request.query_params.get("skip", "0"))
    limit = int(request.query_params.get("limit", "10000" if last == "ids" else "100"))
    if last == "ids":
        return {"pictures": [f"img_g{number}" for number in found[skip : skip + limit]]}
    return {
        "pictures": [mine.entry(number) for number in found[skip : skip + limit]],
        "start": str(START_MS),
        "next": None,
    }


async def gallery_tile(fake: Any, request: Request, _: Any) -> Any:
    """One tile of the gallery, as the inspector asks for it."""
    entry = fake.gallery.entry(int(request.path_params["n"]))
    image = {name: entry[name] for name in ("id", "sha256", "url", "thumb", "view", "width", "height")}
    tile = {"id": entry["tile"], "run": entry["run"], "position": 0, "model": entry["model"], "name": entry["name"], "maker": entry["maker"],
            "prompt": entry["prompt"], "ratio": 1.0, "state": "done", "endpoint": entry["model"], "lane": "commercial", "progress": None,
            "queue_position": None, "eta_s": None, "note": None, "preview": None, "started_ms": START_MS, "ended_ms": START_MS + 4000,
            "typical_seconds": None, "knows_slow": False, "estimate": None, "cost": {"amount_micro_usd": 39_000, "source": "table"}, "billed": "yes",
            "images": [{**image, "media_type": "image/png", "bytes": 1, "revised_prompt": None, "seed": None, "filename": "a.png",
                        "cost": None, "restored": None}],
            "adjustments": [], "error": None, "retry": None, "retry_of": None, "cancellable": False, **PLAIN}  # fmt: skip
    asked = {"prompt": entry["prompt"], "n": 1, "size": "1024x1024"}
    return {"tile": tile, "attempts": [], "decisions": [], "request": asked, "amounts": [], "receipt": None}


async def gallery_picture(_: Any, request: Request, __: Any) -> Response:
    data, _w, _h = paint(MAKERS[0][0], f"gallery {int(request.path_params['n']) % 12}", 1.0, 160)
    return Response(data, media_type="image/png")
