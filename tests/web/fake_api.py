"""A small stand-in for the studio's API: in memory, deterministic, scripted by the prompt.

`kettle xai!blocked google!auth` makes those two providers end that way; without a word a tile goes through every state
to a picture. The words are the keys of `ENDINGS`, and `hold` (works until cancelled), `slow`, `queue`, `wait`, `adjust`,
`four` (pictures in one tile), `square` (whatever shape was asked for) and `still` (no preview, no progress, but a picture).
"""

import asyncio
import hashlib
import itertools
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from io import BytesIO
from typing import Any

from msgspec import to_builtins
from PIL import Image, UnidentifiedImageError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from tests.web.fake_gallery import PLAIN, FakeGallery, gallery, gallery_picture, gallery_tile
from tests.web.painting import paint

from triptych.app.model_views import FIRST_CHOICE_RULE
from triptych.providers.comfyui import read_workflow
from triptych.router.bundle import policy_json
from triptych.server.auth import ForbiddenError
from triptych.server.errors import error_response
from triptych.spec.errors import BadRequestError, BudgetError, ConflictError, HostileContentError, NotFoundError
from triptych.spec.model import Capabilities
from triptych.spec.records import PickRecord, ShownPicture
from triptych.spec.routing import Policy
from triptych.studio.looks import looks, says_again
from triptych.studio.ranking import rank
from triptych.studio.veil import STOPPING, held_tile, in_chance_order, shuffled, veiled_tile
from triptych.web import Assets
from triptych.web.languages import COOKIE, language

Object = dict[str, Any]
AS = {"prettier": "prettier picture", "closer": "picture closer to the brief"}
FINAL = {"done", "blocked", "failed", "cancelled", "lost"}
STEP_S = 0.03

MODELS: list[tuple[str, str, str, str, int | None, list[float]]] = [
    ("demo/aurora", "Aurora", "Triptych", "local", 0, [0.4, 1.2]),
    ("bytedance/seedream-5", "Seedream 5", "ByteDance", "commercial", 30000, [5, 11]),
    ("aihorde/flux-schnell", "FLUX.1 schnell", "Black Forest Labs", "community", 0, [20, 90]),
    ("google/gemini-3.1-flash-image", "Gemini 3.1 Flash Image", "Google", "commercial", 67000, [8, 20]),
    ("openai/gpt-image-2", "GPT Image 2", "OpenAI", "commercial", 42000, [12, 35]),
    ("xai/grok-imagine", "Grok Imagine", "xAI", "commercial", 20000, [3, 7]),
    ("demo/mosaic", "Mosaic", "Triptych", "local", 0, [0.3, 0.9]),
    ("demo/woodcut", "Woodcut", "Triptych", "local", 0, [0.4, 1.0]),
]
PROVIDERS = {"bytedance": ("ByteDance", "ARK_API_KEY"), "google": ("Google", "GEMINI_API_KEY"),
             "openai": ("OpenAI", "OPENAI_API_KEY"), "xai": ("xAI", "XAI_API_KEY")}  # fmt: skip
CONSENT = (
    "AI Horde sends the prompt to volunteers: its server and the worker that draws can read it, and pictures made "
    "without an account are published."
)


def error(code: str, failure: str, message: str, hint: str | None, billed: str = "no", **more: Any) -> Object:
    fields = {"provider": None, "status": None, "upstream": None, "retry_after_s": None, "param": None}
    return {"code": code, "failure": failure, "message": message, "hint": hint, "billed": billed, **fields, **more}


ENDINGS: dict[str, tuple[str, Object]] = {
    "blocked": ("blocked", error("blocked", "blocked", "Refused by a content rule: violence.", "Change the prompt, or try another model.", upstream="I can't help with that.")),
    "auth": ("failed", error("auth", "rejected", "The key was not accepted (401).", "Put a new key in on the Models page.", provider="google", status=401)),
    "failed": ("failed", error("provider_failed", "failed", "The provider says that the job failed.", "Try again later.", "unknown", upstream="internal error 0x2f")),
    "rate": ("failed", error("rate_limited", "overloaded", "Too many requests, after 3 tries.", "Wait a minute.", retry_after_s=60)),
    "empty": ("failed", error("no_image", "failed", "The answer came without a picture.", None, "unknown")),
    "lost": ("lost", error("ambiguous", "ambiguous", "The server stopped while this was on its way, and this provider cannot resume.", "Look at the provider's own list before you send it again.", "unknown")),
}  # fmt: skip


def cost(micro: int | None, source: str | None = None) -> Object:
    return {"amount_micro_usd": micro, "source": source or ("free" if micro == 0 else "table")}


class Fake:
    """All state of one server. `scene` is `first` (no key, nothing made), `keys` (every key is there) or `many`."""

    def __init__(self, assets: Assets) -> None:
        self.assets = assets
        self.reset("keys")

    def reset(self, scene: str) -> None:
        for job in getattr(self, "jobs", ()):  # one that goes on would end in a row of the same name
            job.cancel()
        self.version = "0"
        self.scene, self.session = scene, f"session-{scene}"
        self.streams: set[object] = set()  # a page of the scene before may hear of its end only now
        self.ids = itertools.count(1)
        self.events: list[tuple[int, str, Object]] = []
        self.event_ids = itertools.count(getattr(self, "last", 0) + 1)
        self.last = getattr(self, "last", 0)
        self.first_kept = self.last
        self.runs: list[Object] = []
        self.hidden: list[str] = []
        self.keys = dict.fromkeys(PROVIDERS, "…4f2a") if scene not in {"first", "new"} else {}
        self.consent = False
        self.selected = ["demo/aurora", "demo/woodcut"]
        self.guessed = self.fee = 0
        self.own: list[str] = []
        self.prices: dict[str, int] = {}
        self.says: dict[str, Object] = {}
        self.router: Object = {}
        self.spent, self.caps = 1840000 if scene == "keys" else 0, {"run": None, "day": 5000000}
        self.pictures: dict[str, bytes] = {}
        self.calls: list[tuple[str, str, Any]] = []
        self.more = asyncio.Event()
        self.jobs: set[asyncio.Task[None]] = set()
        self.go: dict[str, asyncio.Event] = {}
        self.picks: list[Object] = []
        self.shown: set[str] = set()
        self.stopped: set[str] = set()
        self.gallery = FakeGallery()
        self.steps, self.step_s = (0.25, 0.6, 0.85), STEP_S
        self.sample: str | None = "offer" if scene == "new" else None
        self.switches: Object = {"learning": True, "ordering": False, "question": "prettier"}

    # what the page is told

    def model(self, row: tuple[str, str, str, str, int | None, list[float]]) -> Object:
        model_id, name, maker, lane, micro, typical = row
        provider = model_id.split("/")[0]
        state = "ready" if lane == "local" or provider in self.keys else "no_key"
        if provider == "aihorde":
            state = "limited" if self.consent else "off"
        able = {"operations": ["generate"] if provider == "xai" else ["generate", "edit"], "max_input_images": 4,
                "mask": provider in {"demo", "openai"}, "aspect_ratios": ["1:1", "4:5"]}  # fmt: skip
        able = {**to_builtins(Capabilities()), **able}
        return {"id": model_id, "name": name, "maker": maker, "provider": provider, "lane": lane, "is_ai": provider != "demo",
                "note": None, "license": None, "retires": None, "successors": None, "state": state,
                "reason": {"limited": "38 jobs wait before yours.", "no_key": "No key yet."}.get(state), "reason_code": None, "word": self.says.get(model_id),
                "price_micro_usd": micro, "price_source": "table", "free": micro == 0, "typical_seconds": typical, "capabilities": able,
                "policy": [{"topic": "training", "statement": "Not used for training on the paid tier.", "source": "Terms, section 4", "as_of": "2026-11-20", "value": "no"}] if provider in PROVIDERS else [],
                "data": [] if lane == "local" else ["Nobody learns from what is sent."],
                "prices": [{"unit": "image", "micro_usd": micro, "when": {}, "source": "price page", "as_of": "2026-11-20"}] if micro else []}  # fmt: skip

    def models(self) -> list[Object]:
        return [self.model(row) for row in self.rows()]

    def rows(self) -> list[tuple[str, str, str, str, int | None, list[float]]]:
        """The models; in the scene `many` twenty more of one provider."""
        more = [
            (f"openai/image-{n}", f"GPT Image {n}", "OpenAI", "commercial", 42000, [12.0, 35.0]) for n in range(3, 23)
        ]
        own = [(f"local-8080/{name}", name, "unknown", "local", 0, [1.0, 3.0]) for name in self.own]
        every = [*MODELS[:5], *(more if self.scene == "many" else []), *MODELS[5:], *own]
        return [(*row[:4], self.prices.get(row[0], row[4]), row[5]) for row in every]

    def provider(self, provider: str) -> Object:
        ids = [m[0] for m in MODELS if m[0].startswith(f"{provider}/")]
        base: Object = {
            "id": provider,
            "models": ids,
            "base_url": None,
            "consent": None,
            "key": None,
            "needs_key": False,
            "check": None,
            "reason": None,
            "reason_code": None,
            "own": provider == "local-8080",
        }
        if provider == "local-8080":
            return {**base, "name": "LocalAI", "state": "ready", "unlocks": "free", "models": [f"local-8080/{name}" for name in self.own],
                    "base_url": "http://127.0.0.1:8080/v1"}  # fmt: skip
        if provider == "aihorde":
            return {**base, "name": "AI Horde", "state": "limited" if self.consent else "off", "unlocks": "Open models, free.",
                    "consent": {"text": CONSENT, "given": self.consent}}  # fmt: skip
        if provider == "demo":
            return {
                **base,
                "name": "Offline painters",
                "state": "ready",
                "unlocks": "3 painters that work without a network.",
            }
        name, env = PROVIDERS[provider]
        hint = self.keys.get(provider)
        key = {
            "env": [env],
            "source": "vault" if hint else None,
            "hint": hint,
            "sign_up": f"https://{provider}.example/keys",
        }
        return {
            **base,
            "name": name,
            "state": "ready" if hint else "no_key",
            "key": key,
            "needs_key": True,
            "unlocks": "1 model, from $0.02 an image",
        }

    def providers(self) -> list[Object]:
        return [self.provider(p) for p in [*PROVIDERS, "aihorde", "demo", *(["local-8080"] if self.own else [])]]

    def spend(self) -> Object:
        return {
            "today": {
                "amount_micro_usd": self.spent,
                "unknown": int(self.guessed > 0),
                "guessed_micro_usd": self.guessed,
                "fee_micro_usd": self.fee,
            },
            "caps": self.caps,
        }

    def state(self) -> Object:
        newest = [r for r in reversed(self.runs) if r["id"] not in self.hidden]
        return {"version": self.version, "session": self.session, "since": self.last, "models": self.models(), "providers": self.providers(),
                "runs": [told(self, r) for r in newest[:8]], "next_before": newest[7]["id"] if len(newest) > 8 else None, "selected": self.selected,
                "spend": self.spend(), "first_visit": self.scene == "first", "sample": self.sample, "order_rule": self.order_rule(), "reach": "anywhere", "no_training": False,
                "first_choice_rule": FIRST_CHOICE_RULE}  # fmt: skip

    def order_rule(self) -> str:
        return (
            f"your own picks of the {AS[self.switches['question']]}, the strongest first"
            if self.switches["ordering"]
            else "alphabetical"
        )

    def listed(self) -> Object:
        return {
            "models": self.models(),
            "providers": self.providers(),
            "order_rule": self.order_rule(),
            "reach": "anywhere",
            "no_training": False,
        }

    def tell(self, kind: str, data: Object) -> None:
        self.last = next(self.event_ids)
        self.events.append((self.last, kind, json.loads(json.dumps(data))))
        self.more.set()
        self.more = asyncio.Event()

    # runs

    def plan(self, body: Object) -> Object:
        text, models = body["text"], self.named(body)
        group = re.search(r"\{([^{}]*,[^{}]*)\}", text)
        prompts = len(group[1].split(",")) if group else 1
        chips = [
            {"name": {"m": "models"}.get(n, n), "text": f"--{n} {v}", "value": v}
            for n, v in re.findall(r"--(ar|seed|n|m) (\S+)", text)
        ]
        notes = (
            [
                {
                    "kind": "unknown",
                    "token": "--stlye",
                    "message": "Unknown --stlye. Did you mean --stylize? It was not sent.",
                }
            ]
            if "--stlye" in text
            else []
        )
        rows = {m["id"]: m for m in self.models()}
        per: Object = {}
        for m in models:
            row = rows[m]
            bad = "No key yet." if row["state"] in {"no_key", "off"} else None
            bad = "cannot take a mask" if body.get("mask") and not row["capabilities"]["mask"] else bad
            if body.get("images") and "edit" not in row["capabilities"]["operations"]:
                bad = "takes no pictures"
            fitted = (
                [{"feature": "aspect_ratio", "kind": "adjusted", "detail": "asked 4:5, this model offers 3:4"}]
                if "--ar 4:5" in text and m.startswith("bytedance")
                else []
            )
            per[m] = {
                "ok": not bad,
                "reason": bad,
                "images": prompts,
                "starts": 0 if bad else prompts,
                "cost": cost((row["price_micro_usd"] or 0) * prompts),
                "adjustments": fitted,
                "draft": None,
                "fee_micro_usd": 0,
                "references": {"takes": row["capabilities"]["max_input_images"], "fates": [], "undecided": None},
            }
        masked, useless = mask_words(self.pictures.get(body.get("mask") or "", b""))
        notes += [{"kind": "info", "token": "mask", "message": masked}] if masked else []
        total = sum(p["cost"]["amount_micro_usd"] for p in per.values() if p["ok"])
        images, over = sum(p["starts"] for p in per.values()), total > 2000000
        return {"prompts": prompts, "images": images, "total": cost(total), "seconds": [12, 20], "chips": chips, "notes": notes, "per_model": per, "models": models, "known_micro_usd": total, "unknown_count": 0, "fee_micro_usd": 0,
                "allowed": bool(images) and not over and not useless, "reason": useless or (" ".join({p["reason"] for p in per.values()}) if not images else f"{images} images for ${total / 1e6:.2f} would pass the cap of $2.00." if over else None)}  # fmt: skip

    def named(self, body: Object) -> list[str]:
        """The models that run: those of the text before those chosen by hand."""
        words = re.findall(r"(?<!\S)@(?!img)([\w-]+)", body["text"])
        words += [n for names in re.findall(r"--m (\S+)", body["text"]) for n in names.split(",")]
        every = [row[0] for row in self.rows()]
        return [next(m for m in every if w == m or m.split("/")[1].startswith(w)) for w in words] or body["models"]

    def ratio(self, text: str) -> float:
        found = re.search(r"--ar (\d+):(\d+)", text)
        return int(found[1]) / int(found[2]) if found else 1.0

    def new_tile(
        self, run: Object, model: str, position: int, retry_of: str | None = None, text: str | None = None
    ) -> Object:
        row = next(m for m in self.models() if m["id"] == model)
        tile = {"id": f"tile_{next(self.ids):04}", "run": run["id"], "position": position, "model": model, "name": row["name"], "maker": row["maker"],
                "prompt": re.sub(r"\s+--.*|\s\w+!\w+", "", text or run["text"]), "ratio": self.ratio(run["text"]), "state": "queued", "endpoint": model, "lane": row["lane"],
                "progress": None, "queue_position": None, "eta_s": None, "note": None, "preview": None, "started_ms": None, "ended_ms": None,
                "typical_seconds": row["typical_seconds"], "knows_slow": True, "estimate": cost(row["price_micro_usd"]), "cost": None, "billed": "no", "images": [],
                "adjustments": [], "error": None, "retry": None, "retry_of": retry_of, "cancellable": True, **PLAIN,
                "asked": asked_for(run)}  # fmt: skip
        run["tiles"].append(tile)
        job = asyncio.get_running_loop().create_task(self.play(run, tile))
        self.jobs.add(job)
        job.add_done_callback(self.jobs.discard)
        return tile

    def start(self, text: str, models: list[str], created_ms: int | None = None, asked: Object | None = None) -> Object:
        run: Object = {
            "id": f"run_{next(self.ids):04}",
            "created_ms": created_ms or int(time.time() * 1000),
            "text": text,
            "source": "studio",
            "notes": [],
            "settings": {**kept_settings(asked or {}), "models": models, "blind": "--blind" in text},
            "picked": None,
            "veiled": "--blind" in text,
            "progress": None,
            "tiles": [],
        }
        self.runs.append(run)
        group = re.search(r"\{([^{}]*,[^{}]*)\}", text)
        prompts = [text.replace(group[0], word.strip()) for word in group[1].split(",")] if group else [text]
        for position, (text_of, model) in enumerate(itertools.product(prompts, models)):
            self.new_tile(run, model, position, text=text_of)
        self.tell("run", told(self, run))
        return run

    def change(self, tile: Object, **fields: Any) -> None:
        if tile["state"] in FINAL:
            return
        tile.update(fields)
        run = self.run(tile["run"])
        if not run["veiled"]:
            self.tell("tile", {"run": run["id"], "id": tile["id"], **fields})
        elif tile["state"] in FINAL:
            self.lift(run)

    def lift(self, run: Object) -> None:
        """The tiles of a blind row are told together, once all of them are over."""
        held = [tile for tile in run["tiles"] if tile["id"] not in self.shown]
        if all(tile["state"] in FINAL for tile in held):
            self.shown.update(tile["id"] for tile in held)
            for tile in in_chance_order(held, lambda tile: str(tile["id"])):
                self.tell("tile", dict(veiled_tile(tile)))
        else:
            self.tell("progress", {"run": run["id"], "progress": progress(self, run)})

    async def play(self, run: Object, tile: Object) -> None:
        word = (
            "" if tile["retry_of"] else (re.search(rf"{tile['model'].split('/')[0]}!(\w+)", run["text"]) or ["", ""])[1]
        )
        now = int(time.time() * 1000)
        await asyncio.sleep(self.step_s)
        if word == "queue":
            self.change(tile, queue_position=2, note="38 jobs before this one")
            return
        self.change(tile, state="sent", started_ms=now - (60_000 if word == "slow" else 4_000 if word == "hold" else 0))
        await asyncio.sleep(self.step_s)
        if word == "wait":
            self.change(tile, state="waiting", error=error("rate_limited", "overloaded", "Google is rate-limiting.", None),
                        retry={"in_s": 18, "attempt": 2, "of": 3, "until_ms": int(time.time() * 1000) + 18_000})  # fmt: skip
            self.go[tile["id"]] = asyncio.Event()
            await self.go[tile["id"]].wait()
        if word in ENDINGS:
            state, trouble = ENDINGS[word]
            self.change(tile, state=state, error=trouble, billed=trouble["billed"], ended_ms=int(time.time() * 1000))
            return
        steps = () if word in {"slow", "still"} else self.steps[:2] if word == "hold" else self.steps
        for n, share in enumerate(steps):
            if tile["lane"] == "local":
                self.change(tile, state="working", progress=share, preview=f"/api/previews/{tile['id']}?v={n}")
            else:
                self.change(tile, state="working")
            await asyncio.sleep(self.step_s)
        if word in {"hold", "slow"}:
            self.change(tile, state="working")
            return
        self.finish(run, tile, word, now)

    def finish(self, run: Object, tile: Object, word: str, started: int) -> None:
        self.change(tile, state="receiving")
        images = []
        for n in range(4 if word == "four" else 1):
            shape = 1.0 if word == "square" else tile["ratio"]
            data, width, height = paint(tile["model"], f"{tile['prompt']}{n}", shape)
            sha = hashlib.sha256(data).hexdigest()
            image = f"img_{next(self.ids):04}"
            self.pictures[image] = self.pictures[sha] = data
            images.append({"id": image, "sha256": sha, "url": f"/api/images/{image}", "thumb": f"/api/images/{image}/thumb", "view": f"/api/images/{image}/view", "width": width, "height": height, "media_type": "image/png",
                           "bytes": len(data), "revised_prompt": f"{tile['prompt']}, cinematic" if tile["model"].startswith("openai") else None, "seed": 7 if tile["lane"] == "local" else None, "restored": None, "cost": tile["estimate"], "filename": "harbour.png" if run["settings"]["blind"] else f"{tile['name']}.png"})  # fmt: skip
        fitted = (
            [{"feature": "aspect_ratio", "kind": "adjusted", "detail": "asked 4:5, this model offers 3:4"}]
            if word == "adjust"
            else []
        )
        took = (tile["typical_seconds"] or [1, 2])[0] * 1100
        self.spent += tile["estimate"]["amount_micro_usd"] or 0
        self.change(tile, state="done", images=images, cost=tile["estimate"], billed="yes" if tile["estimate"]["amount_micro_usd"] else "no",
                    adjustments=fitted, started_ms=started - int(took), ended_ms=started, progress=1)  # fmt: skip
        self.tell("spend", self.spend())

    def run(self, run_id: str) -> Object:
        return next(r for r in self.runs if r["id"] == run_id)

    def open(self, run: Object, picked: str | None = None) -> None:
        """Who made the pictures of a blind run is shown, for good."""
        run["veiled"], run["picked"] = False, picked if run["settings"]["blind"] else None
        run["settings"]["opened"] = True
        self.tell("run", run)

    def tile(self, tile_id: str) -> tuple[Object, Object]:
        return next((r, t) for r in self.runs for t in r["tiles"] if t["id"] == tile_id)

    def pictures_of(self, tile: Object) -> Object:
        """What a tile's request says of the pictures that went along."""
        kept = self.run(tile["run"])["settings"]
        told = {"images": kept["images"], "mask": kept["mask"] and {"sha256": kept["mask"], "role": "edit"}}
        return {name: value for name, value in told.items() if value}

    def inspect(self, tile: Object) -> Object:
        knobs = {"knobs": {"stylize": found}} if (found := tile["asked"].get("stylize")) else {}
        body = json.dumps({"model": tile["model"], "prompt": tile["prompt"], "size": "1024x1280"})
        wire = {
            "method": "POST",
            "url": "https://provider.example/v1/images",
            "headers": {"authorization": "redacted"},
            "body": body,
            "body_sha256": hashlib.sha256(body.encode()).hexdigest(),
            "step": "submit",
            "status": 200,
            "ms": 4100,
            "calls": 1,
            "request_id": None,
        }
        attempt = {
            "id": "att_1",
            "number": 1,
            "endpoint": tile["endpoint"],
            "started_ms": 0,
            "ended_ms": 4100,
            "outcome": "done",
            "error": None,
            "cost": tile["cost"],
            "billed": tile["billed"],
            "wires": [wire],
            **dict.fromkeys(("job", "retry_after_ms")),
            **dict.fromkeys(("began", "began_ms", "count", "ended", "fee_micro_usd", "offset"), 0),
            "epoch": "e1",
            "hedge": False,
            "operation": "generate",
            "reservation": "res_1",
            "share": "",
            "sign": "ok",
            "took_ms": 4100,
        }
        reasons = {tile["model"]: "picked"}
        candidates = [
            {
                "endpoint": m["id"],
                "rank": 0 if m["id"] in reasons else -1,
                "reason": reasons.get(m["id"], "other_model"),
                "points": m["price_micro_usd"] if m["id"] in reasons else None,
                "price_micro_usd": m["price_micro_usd"],
                "latency_ms": 4000,
                "detail": None,
                "taste": None,
            }
            for m in self.models()[:4]
        ]
        return {
            "tile": {**tile, "adjustments": [*tile["adjustments"], *natives(tile)]},
            "attempts": [attempt],
            "decisions": [
                {
                    "id": "dec_1",
                    "policy": "pinned",
                    "nonce": "n",
                    "taken_ms": 0,
                    "features": {},
                    "candidates": candidates,
                    "policy_id": "5d" * 32,
                    "snapshot_id": "7e" * 32,
                    "nonce_from": "router",
                }
            ],
            "request": {"prompt": tile["prompt"], "n": 1, "size": "1024x1280"} | knobs | self.pictures_of(tile),
            "amounts": [],
            "receipt": None,
        }


def kept_settings(asked: Object) -> Object:
    """What a run keeps besides its text."""
    usual: Object = {"budget_micro_usd": None, "images": [], "mask": None, "tier": "final", "project": None, "parent": None,
             "continues": False, "restore": False}  # fmt: skip
    return {"grammar": True, "n": 1, "repeat": 1, **{name: asked.get(name) or value for name, value in usual.items()}}


def asked_for(run: Object) -> Object:
    """What a row's text and what went along with it ask for beyond the words."""
    flags = {"size": r"--size (\S+)", "aspect_ratio": r"--ar (\S+)", "negative_prompt": r"--no (.+?)(?= --|$)"}
    numbers = {"stylize": r"--s (\d+)", "seed": r"--seed (\d+)"}
    asked: Object = {name: found[1] for name, flag in flags.items() if (found := re.search(flag, run["text"]))}
    asked |= {name: int(found[1]) for name, flag in numbers.items() if (found := re.search(flag, run["text"]))}
    return asked | {name: value for name in ("images", "mask") if (value := run["settings"][name])}


def natives(tile: Object) -> list[Object]:
    """What went as asked, which only a tile's own answer says."""
    fitted = {a["feature"] for a in tile["adjustments"]}
    return [
        {"feature": name, "kind": "native", "detail": "sent as asked"} for name in tile["asked"] if name not in fitted
    ]


def seen(fake: Fake, run: Object, tile: Object) -> Object:
    """What a page may know of a tile."""
    if not run["veiled"]:
        return tile
    return dict(veiled_tile(tile) if tile["id"] in fake.shown else held_tile(tile, stopping=tile["id"] in fake.stopped))


def told(fake: Fake, run: Object) -> Object:
    """What a page may know of a run."""
    if not run["veiled"]:
        return run
    return {**run, "tiles": shuffled(seen(fake, run, tile) for tile in run["tiles"]), "progress": progress(fake, run)}


def progress(fake: Fake, run: Object) -> Object | None:
    """How many are over of those of a blind run of which nothing is told yet."""
    held = [tile for tile in run["tiles"] if tile["id"] not in fake.shown]
    if not held or any(tile["id"] in fake.stopped for tile in held):
        return None
    return {"over": sum(tile["state"] in FINAL for tile in held), "of": len(held)}


Handler = Callable[[Fake, Request, Any], Awaitable[Any]]


async def shell(fake: Fake, request: Request, _: Any) -> Response:
    spoken = language(request.headers.get("accept-language", ""), request.cookies.get(COOKIE))
    html, headers = fake.assets.page(fake.state(), path=request.url.path, language=spoken)
    return HTMLResponse(html, headers=headers)


async def web(fake: Fake, request: Request, _: Any) -> Response:
    found = fake.assets.asset(
        request.path_params["path"],
        "gzip" in request.headers.get("accept-encoding", ""),
        version=request.path_params["version"],
    )
    return Response(found.body, headers=found.headers) if found else Response(status_code=404)


async def worker(fake: Fake, _: Request, __: Any) -> Response:
    found = fake.assets.worker()
    return Response(found.body, headers=found.headers)


async def sample(fake: Fake, _: Request, __: Any) -> Object:
    run = fake.start(
        "a lighthouse --ar 4:3 --seed 7", ["demo/aurora", "demo/mosaic", "demo/woodcut"], int(time.time() * 1000)
    )
    fake.sample = run["id"]
    return {"run": told(fake, run)}


async def push_key(_: Fake, __: Request, ___: Any) -> Object:
    return {"key": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"}


async def push(_: Fake, __: Request, ___: Any) -> Response:
    return Response(status_code=204)


async def local_servers(fake: Fake, request: Request, body: Any) -> Object:
    if request.method == "POST":
        return {"servers": [
            {"name": "LocalAI", "url": "http://127.0.0.1:8080", "models": ["flux-dev", "llama-3"], "row": "local-8080", "added": fake.own, "workflows": False},
            {"name": "InvokeAI", "url": "http://127.0.0.1:9090", "models": [], "row": None, "added": [], "workflows": False},
            {"name": "ComfyUI", "url": "http://127.0.0.1:8188", "models": [], "row": "local-8188", "added": [], "workflows": True},
        ]}  # fmt: skip
    fake.own = body["models"] if request.method == "PUT" else []
    return fake.listed()


async def workflow(fake: Fake, request: Request, body: Any) -> Any:
    try:
        found = read_workflow(json.dumps(body).encode())
    except BadRequestError as error:
        return error_response(error)
    return {"name": request.path_params["name"], "takes": {what: list(nodes) for what, nodes in found.told().items()}}


async def control(fake: Fake, request: Request, body: Any) -> Object:
    """The tests' own door: another scene, rows that are there already, an event log that forgot its start."""
    if "scene" in body:
        fake.reset(body["scene"])
    fake.prices |= body.get("prices", {})
    fake.says |= body.get("says", {})
    fake.steps, fake.step_s = tuple(body.get("steps", fake.steps)), body.get("step_s", fake.step_s)
    for n, run in enumerate(body.get("runs", [])):
        fake.start(run["text"], run["models"], int(time.time() * 1000) - (60_000 * (100 - n) if "scene" in body else 0))
        await asyncio.sleep(0)
    fake.router |= body.get("router", {})
    if "money" in body:
        fake.spent, fake.guessed, fake.fee = (*body["money"], 0)[:3]
        fake.tell("spend", fake.spend())
    if body.get("forget"):
        fake.first_kept, fake.events = fake.last + 1, []
        fake.last = next(fake.event_ids)
    fake.gallery.size = body.get("gallery", fake.gallery.size)
    fake.gallery.broken = body.get("broken", False)
    if body.get("fetched"):
        fake.gallery.embedder["state"] = "here"
    fake.session = body.get("session", fake.session)
    fake.version = body.get("version", fake.version)
    return {"streams": len(fake.streams), "calls": fake.calls}


async def events(fake: Fake, request: Request, _: Any) -> Response:
    since = int(request.headers.get("last-event-id") or request.query_params.get("since", "0"))

    async def stream() -> AsyncIterator[str]:
        last, mine, streams = since, object(), fake.streams
        streams.add(mine)
        try:
            yield ": here\n\n"
            if last < fake.first_kept:
                last = fake.last
                yield f"id: {last}\nevent: reset\ndata: {{}}\n\n"
            while True:
                more = fake.more
                for number, kind, data in [e for e in fake.events if e[0] > last]:
                    last = number
                    yield f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"
                await more.wait()
        finally:
            streams.remove(mine)

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


def mask_words(data: bytes) -> tuple[str | None, str | None]:
    """What is said of a mask, and what is wrong with it."""
    if not data:
        return None, None
    with suppress(UnidentifiedImageError), Image.open(BytesIO(data)) as mask:
        if mask.mode in {"LA", "RGBA"}:
            return None, None if min(mask.getchannel("A").tobytes()) < 248 else "The mask is transparent nowhere, so nothing of the picture would be changed."  # fmt: skip
        return "The mask has no transparency, so it is read by its brightness: what is white in it is changed, what is black is kept.", None  # fmt: skip
    return None, None


async def picture(fake: Fake, request: Request, _: Any) -> Response:
    if "tile" in request.path_params:
        _run, tile = fake.tile(request.path_params["tile"])
        data, _w, _h = paint(tile["model"], f"{tile['prompt']}0", tile["ratio"], 160)
        return Response(data, media_type="image/png")
    data = fake.pictures[request.path_params["image"]]
    return Response(data, media_type="image/png", headers={"Cache-Control": "max-age=31536000, immutable"})


async def upload(fake: Fake, request: Request, body: bytes) -> Any:
    if b"<svg" in body:
        return error_response(HostileContentError("This is an SVG, not a PNG, JPEG or WebP picture.", hint="Save it as PNG first.", billed="no"))  # fmt: skip
    sha = hashlib.sha256(body).hexdigest()
    fake.pictures[sha] = body
    shown: Object = {"width": 4, "height": 4, "alpha": True}
    with suppress(UnidentifiedImageError), Image.open(BytesIO(body)) as opened:
        shown = {"width": opened.width, "height": opened.height, "alpha": opened.mode in {"LA", "RGBA"}}
    given = {"sha256": sha, **shown, "media_type": "image/png", "url": f"/api/uploads/{sha}"}
    return JSONResponse(given, 201)


async def make(fake: Fake, request: Request, body: Any) -> Any:
    if "teapot" in body["text"]:
        return error_response(
            BudgetError("This run would pass the cap of the day.", hint="Raise it, or choose fewer models.")
        )
    return JSONResponse(told(fake, fake.start(body["text"], fake.named(body), asked=body)), 202)


async def one_run(fake: Fake, request: Request, _: Any) -> Any:
    found = [run for run in fake.runs if run["id"] == request.path_params["id"]]
    return told(fake, found[0]) if found else error_response(NotFoundError("There is no such run."))


async def pick(fake: Fake, request: Request, body: Any) -> Any:
    """Keeps, lists and forgets picks; one with a winner opens the blind rows of its pictures."""
    if request.method == "GET":
        if request.query_params.get("download"):
            return Response("".join(f"{json.dumps(p)}\n" for p in fake.picks), media_type="application/jsonl",
                            headers={"Content-Disposition": 'attachment; filename="triptych-picks.jsonl"'})  # fmt: skip
        asked = request.query_params.get("pictures")
        return {"picks": [p for p in fake.picks if (p["run_id"] is None or not fake.run(p["run_id"])["veiled"])
                          and (asked is None or {each["picture_id"] for each in p["shown"]} == set(asked.split(",")))]}  # fmt: skip
    if request.method == "DELETE":
        gone = [p for p in fake.picks if p["id"] == request.path_params.get("id", p["id"])]
        fake.picks = [p for p in fake.picks if p not in gone]
        for run in fake.runs:
            run["picked"] = None if any(run["id"] == p["run_id"] for p in gone) else run["picked"]
        fake.tell(
            "picks",
            {
                "picked": won(fake, [each["picture_id"] for p in gone for each in p["shown"]])
                if "id" in request.path_params
                else {}
            },
        )
        return Response(status_code=204) if "id" in request.path_params else {"forgotten": len(gone)}
    tiles = {i["id"]: t for r in fake.runs for t in r["tiles"] for i in t["images"]}
    makers = [tiles[picture] for picture in body["pictures"]]
    runs = list(dict.fromkeys(t["run"] for t in makers))
    shown = [{"endpoint": t["model"], "family": t["model"].split("/")[1], "tile_id": t["id"], "picture_id": p}
             for t, p in zip(makers, body["pictures"], strict=True)]  # fmt: skip
    said = {name: body[name] for name in ("winner", "rejected", "question", "blind") if name in body}
    made = {"rejected": [], **said, "source": "own", "ballot": None, "id": f"pick_{next(fake.ids)}", "run_id": runs[0] if len(runs) == 1 else None,
            "task": "generate", "created_ms": int(time.time() * 1000), "shown": shown}  # fmt: skip
    fake.picks = [*(p for p in fake.picks if not says_again(record(made), record(p))), made]
    for run_id in runs if body["winner"] is not None else ():
        if (run := fake.run(run_id))["settings"]["blind"]:
            fake.open(run, body["pictures"][body["winner"]])
    if body["winner"] is not None:
        fake.tell("picks", {"picked": won(fake, body["pictures"])})
    hidden = {"endpoint": "", "family": ""} if any(fake.run(run_id)["veiled"] for run_id in runs) else {}
    return JSONResponse({**made, "shown": [each | hidden for each in shown]}, 201)


def record(p: Object) -> PickRecord:
    return PickRecord(id=p["id"], created_ms=p["created_ms"], run_id=p["run_id"], task=p["task"], question=p["question"], blind=p["blind"],
                      shown=tuple(ShownPicture(**each) for each in p["shown"]), winner=p["winner"], rejected=tuple(p["rejected"]))  # fmt: skip


def won(fake: Fake, pictures: list[str]) -> Object:
    """For each picture the questions for which it was picked."""
    return {picture: list(dict.fromkeys(p["question"] for p in fake.picks
                                        if p["winner"] is not None and p["shown"][p["winner"]]["picture_id"] == picture))
            for picture in pictures}  # fmt: skip


async def picked(fake: Fake, request: Request, _: Any) -> Any:
    return {"picked": won(fake, request.query_params["pictures"].split(","))}


async def reveal(fake: Fake, request: Request, _: Any) -> Any:
    fake.open(run := fake.run(request.path_params["id"]))
    return run


async def ranking(fake: Fake, request: Request, body: Any) -> Any:
    """By the real arithmetic, of the picks that the page made."""
    if request.method == "PUT":
        fake.switches |= body
        fake.tell("models", fake.listed())
        return fake.switches
    question = request.query_params.get("question", fake.switches["question"])
    picks = [record(p) for p in fake.picks if question == p["question"]]
    names = {m[0].split("/")[1]: m for m in fake.rows()}
    found = rank(request.query_params.get("task", "generate"), looks(picks), names)
    models = [{"model": m.model, "name": names[m.model][1], "endpoints": [names[m.model][0]], "strength": m.strength, "sd": m.sd,
               "imported": False, "wins": m.wins, "comparisons": m.comparisons, "separated": m.separated} for m in found.models]  # fmt: skip
    return {"task": found.task, "question": question, "counts": fake.switches["question"], "source": None, "sources": ["own"] * bool(fake.picks), "tasks": sorted({p["task"] for p in fake.picks}), "picks": found.picks,
            "verdict": found.verdict, "publishing": False, "learning": fake.switches["learning"], "ordering": fake.switches["ordering"], "models": models}  # fmt: skip


async def run_tile(fake: Fake, request: Request, body: Any) -> Any:
    run = next(r for r in fake.runs if r["id"] == request.path_params["id"])
    tile = fake.new_tile(run, body["model"], len(run["tiles"]))
    fake.tell("tile", seen(fake, run, tile))
    return JSONResponse(seen(fake, run, tile), 202)


async def tile_call(fake: Fake, request: Request, body: Any) -> Any:
    run, tile = fake.tile(request.path_params["id"])
    job = request.path_params["job"]
    if job == "cancel":
        if run["veiled"] and tile["id"] not in fake.shown:
            fake.stopped.add(tile["id"])
            fake.tell("tile", {"run": run["id"], "id": tile["id"], "note": STOPPING, "cancellable": False})
            fake.tell("progress", {"run": run["id"], "progress": None})
        fake.change(
            tile, state="cancelled", billed="no", error=error("cancelled", "rejected", "Stopped on request.", None)
        )
    elif job == "trash":
        tile["trashed_ms"] = int(time.time() * 1000) if body["trashed"] else None
        changed = {name: tile[name] for name in ("id", "run", "trashed_ms")}
        fake.tell("tile", changed)
        return changed
    elif job == "retry-now":
        fake.go[tile["id"]].set()
    elif tile["billed"] == "unknown" and not body.get("confirm"):
        return error_response(ConflictError("It may have been billed.", hint="Confirm to send it again."))
    else:
        tile = fake.new_tile(run, body.get("model", tile["model"]), tile["position"], tile["id"])
        fake.tell("tile", seen(fake, run, tile))
    return JSONResponse(seen(fake, run, tile), 202)


async def key_call(fake: Fake, request: Request, body: Any) -> Any:
    provider = request.path_params["id"]
    if request.method == "DELETE":
        fake.keys.pop(provider, None)
        return {"provider": fake.provider(provider)}
    if "bad" in body["key"]:
        return {
            "provider": fake.provider(provider),
            "check": {
                "ok": False,
                "code": "auth",
                "message": f"{PROVIDERS[provider][0]} does not accept this key (401).",
                "detail": {},
            },
        }
    fake.keys[provider] = f"…{body['key'][-4:]}"
    fake.tell("models", fake.listed())
    return {
        "provider": fake.provider(provider),
        "check": {"ok": True, "code": None, "message": "The key works. 1 model is ready.", "detail": {}},
    }


async def settings(fake: Fake, request: Request, body: Any) -> Any:
    job = request.url.path.rsplit("/", 1)[-1]
    if job == "consent":
        fake.consent = body["given"]
        fake.tell("models", fake.listed())
        return {"provider": fake.provider("aihorde")}
    if job == "check":
        return {
            "provider": fake.provider(request.path_params["id"]),
            "check": {"ok": True, "code": None, "message": "The key works.", "detail": {}},
        }
    if job == "recognise":
        return {"providers": ["google"] if body["key"].startswith("AIza") else []}
    if job == "caps":
        fake.caps = body
    if job == "selection":
        fake.selected = body["models"]
        return {"models": fake.selected}
    return fake.spend()


async def whole(fake: Fake, request: Request, body: Any) -> Any:
    if request.url.path == "/api/state":
        return fake.state()
    if request.url.path == "/api/plan":
        return fake.plan(body)
    return fake.listed()


async def lists(fake: Fake, request: Request, body: Any) -> Any:
    if request.method == "DELETE":
        fake.hidden.append(request.path_params["id"])
        fake.tell("hidden", {"id": request.path_params["id"]})
        return Response(status_code=204)
    if request.url.path.endswith("/restore"):
        fake.hidden.remove(request.path_params["id"])
        return told(fake, fake.run(request.path_params["id"]))
    if request.url.path.startswith("/api/tiles/"):
        run, tile = fake.tile(request.path_params["id"])
        if run["veiled"]:
            asked = {"prompt": tile["prompt"]}
            return {
                "tile": veiled_tile(tile),
                "attempts": [],
                "decisions": [],
                "request": asked,
                "amounts": [],
                "receipt": None,
            }
        return fake.inspect(tile)
    rest = list(reversed(fake.runs))
    before = request.query_params.get("before")
    at = next((i + 1 for i, r in enumerate(rest) if r["id"] == before), 0)
    return {
        "runs": [told(fake, r) for r in rest[at : at + 8]],
        "next_before": rest[at + 7]["id"] if len(rest) > at + 8 else None,
    }


ROUTER: Object = {
    "policy": {
        "id": "5d" * 32, "name": "balanced", "source": "/.well-known/triptych/policy/" + "5d" * 32,
        "words": ["Price, time, failures and load together.", "Endpoints are drawn: with fewer points there is more luck.", "No fee is taken."],
        "policy": policy_json(Policy(name="balanced", strategy="draw")),
        "activations": [{"id": "5d" * 32, "active_ms": 1_790_000_000_000}, {"id": "7e" * 32, "active_ms": 1_780_000_000_000}],
    },
    "health": {"now_ms": 1_790_000_100_000, "epoch": "e1", "events": 480, "endpoints": [
        {"endpoint": "google/gemini-3.1-flash-image", "operation": "generate", "state": "green", "sentence": "Takes about 8.1 s; 12 of the last 12 worked.", "reason": None, "peak_ms": 8100, "retry_tokens_tenths": 100, "under_way": 1, "latency_ms": 8100, "p95_ms": 12400, "success_per_mille": 1000, "in_flight": 1, "limit": 12, "waiting": 0, "until_ms": None, "breaker": "closed", "retries_paused": False},
        {"endpoint": "openai/gpt-image-2", "operation": "edit", "state": "red", "sentence": "Not called for another 30 s after failures. Last: The key was not accepted (401).", "reason": "auth", "peak_ms": None, "retry_tokens_tenths": 0, "under_way": 0, "latency_ms": None, "p95_ms": None, "success_per_mille": 250, "in_flight": 0, "limit": 1, "waiting": 2, "until_ms": 1_790_000_130_000, "breaker": "open", "retries_paused": True},
        {"endpoint": "xai/grok-imagine", "operation": "generate", "state": "amber", "sentence": "Asked us to slow down: free again in 12 s.", "reason": "rate_limited", "peak_ms": 3300, "retry_tokens_tenths": 100, "under_way": 0, "latency_ms": 3300, "p95_ms": 4100, "success_per_mille": 900, "in_flight": 0, "limit": 4, "waiting": 0, "until_ms": 1_790_000_112_000, "breaker": "closed", "retries_paused": False},
    ]},
    "traffic": {"decisions": 240, "without_choice": 31, "left_out": 0, "by_client": 240, "shares": [
        {"endpoint": "google/gemini-3.1-flash-image", "first": 101, "expected_x1000": 130_250, "deviation_x100": -390, "verdict": "less than predicted"},
        {"endpoint": "bytedance/seedream-5", "first": 72, "expected_x1000": 70_100, "deviation_x100": 25, "verdict": "as predicted"},
        {"endpoint": "xai/grok-imagine", "first": 67, "expected_x1000": 39_650, "deviation_x100": 450, "verdict": "more than predicted"},
    ]},
    "budget": {
        "today": "2026-11-21", "caps": {"run": None, "day": 5_000_000, "key": None, "project": 20_000_000},
        "all": {"spent_micro_usd": 48_210_000, "reserved_micro_usd": 67_000, "fee_micro_usd": 0, "reserved_unknown": 0, "unknown": 2, "guessed_micro_usd": 109_000, "cap_micro_usd": None, "left_micro_usd": None},
        "days": [{"name": "2026-11-21", "spent_micro_usd": 1_840_000, "reserved_micro_usd": 67_000, "fee_micro_usd": 0, "reserved_unknown": 0, "unknown": 1, "guessed_micro_usd": 67_000, "cap_micro_usd": 5_000_000, "left_micro_usd": 3_093_000}],
        "keys": [], "projects": [{"name": "spring-launch", "spent_micro_usd": 12_400_000, "reserved_micro_usd": 0, "fee_micro_usd": 0, "reserved_unknown": 0, "unknown": 0, "cap_micro_usd": 20_000_000, "left_micro_usd": 7_600_000}],
        "estimates": {"since": "2026-10-23", "endpoints": [{"endpoint": "xai/grok-imagine", "calls": 31, "estimated_micro_usd": 620_000, "charged_micro_usd": 651_000, "difference_micro_usd": 31_000, "unknown": 1, "released": 2}]},
    },
    "log": {"origin": "studio.example/log", "key": "studio.example/log+5e1f0c3a+AbCdEf0123456789", "size": 1204, "waiting": 2, "witnesses": []},
}  # fmt: skip


async def key_visuals(_: Fake, __: Request, ___: Any) -> Object:
    return {"keys": {}}


async def router(fake: Fake, request: Request, __: Any) -> Response:
    part = request.path_params["part"]
    return JSONResponse({**ROUTER[part], **(fake.router.get(part) or {})})


def app(assets: Assets | None = None) -> Starlette:
    fake = Fake(assets or Assets())

    def route(path: str, handler: Handler, methods: str = "GET") -> Route:
        async def answer(request: Request) -> Response:
            body: Any = {}
            if request.method != "GET":
                raw = await request.body()
                body = raw if request.url.path == "/api/uploads" else json.loads(raw or b"{}")
                if request.url.path.startswith("/api/"):
                    fake.calls.append((request.method, request.url.path, None if isinstance(body, bytes) else body))
                    if request.headers.get("x-triptych-session") != fake.session:
                        return error_response(
                            ForbiddenError("This page belongs to another start of the server.", hint="Load it again.")
                        )
            found = await handler(fake, request, body)
            return found if isinstance(found, Response) else JSONResponse(found)

        return Route(path, answer, methods=methods.split())

    return Starlette(routes=[
        route("/api/gallery", gallery, "GET PATCH"), route("/api/gallery/{rest:path}", gallery, "GET POST DELETE"), route("/api/tiles/tile_g{n:int}", gallery_tile),
        route("/api/images/img_g{n:int}", gallery_picture), route("/api/images/img_g{n:int}/thumb", gallery_picture), route("/api/images/img_g{n:int}/view", gallery_picture), route("/gallery", shell),
        route("/", shell), route("/models", shell), route("/router", shell), route("/ranking", shell), route("/web/{version}/{path:path}", web), route("/fake", control, "POST"), route("/sw.js", worker), route("/api/sample", sample, "POST"), route("/api/push/key", push_key, "POST"), route("/api/push", push, "PUT DELETE"), route("/api/local-servers", local_servers, "POST"), route("/api/local-servers/{row}", local_servers, "PUT DELETE"), route("/api/local-servers/{row}/workflows/{name}", workflow, "PUT"),
        route("/api/events", events), route("/api/images/{image}", picture), route("/api/images/{image}/thumb", picture), route("/api/images/{image}/view", picture), route("/api/uploads/{image}", picture), route("/api/uploads/{image}/thumb", picture),
        route("/api/previews/{tile}", picture), route("/api/uploads", upload, "POST"), route("/api/runs", make, "POST"), route("/api/runs/{id}/tiles", run_tile, "POST"),
        route("/api/tiles/{id}/{job}", tile_call, "POST"), route("/api/providers/{id}/key", key_call, "PUT DELETE"), route("/api/providers/{id}/consent", settings, "PUT"),
        route("/api/providers/{id}/check", settings, "POST"), route("/api/keys/recognise", settings, "POST"), route("/api/caps", settings, "PUT"),
        route("/api/selection", settings, "PUT"), route("/api/spend", settings), route("/api/state", whole), route("/api/models", whole), route("/api/plan", whole, "POST"),
        route("/api/runs", lists), route("/api/runs/{id}", lists, "DELETE"), route("/api/runs/{id}/restore", lists, "POST"), route("/api/tiles/{id}", lists),
        route("/v1/router/{part}", router), route("/api/picks", pick, "GET POST DELETE"), route("/api/picks/learning", ranking, "PUT"), route("/api/picks/pictures", picked), route("/api/picks/{id}", pick, "DELETE"),
        route("/api/key-visuals", key_visuals), route("/api/ranking", ranking), route("/api/runs/{id}/open", reveal, "POST"), route("/api/runs/{id}", one_run),
    ])  # fmt: skip
