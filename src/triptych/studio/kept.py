"""What a run keeps of what was asked for, and what can be read out of it again."""

from typing import Any, get_args

from msgspec import to_builtins

from triptych.spec.image import Role
from triptych.spec.json import Json, JsonObject
from triptych.spec.records import Parent, RunRecord
from triptych.studio.planning import Asked, Draft, PictureRef
from triptych.studio.tiers import DraftSettings


def settings_of(asked: Asked, draft: Draft) -> JsonObject:
    """What a run keeps besides its text: enough to do it again with another model."""
    notes: list[Json] = [{"kind": n.kind, "token": n.token, "message": n.message} for n in draft.notes]
    images: list[Json] = [{"sha256": ref.sha256, "role": ref.role} for ref in asked.images]
    sent = next((r.mask.sha256 for group in draft.requests.values() for r in group if r.mask), asked.mask)
    return {
        "grammar": True, "models": list(draft.models), "n": draft.n, "repeat": draft.prompt.repeat,
        "blind": draft.prompt.blind, "budget_micro_usd": draft.budget_micro_usd, "images": images, "mask": sent,
        "notes": notes, "tier": asked.tier, "drafts": to_builtins(draft.drafts), "project": asked.project, "parent": to_builtins(asked.parent),
        "continues": asked.continues, "restore": asked.restore, **({"lane_floor": asked.lane_floor} if asked.lane_floor else {}),
        **({"no_community": True} if asked.no_community else {}),
    }  # fmt: skip


def asked_again(run: RunRecord, model: str) -> Asked:
    """What the run was started with, for one more model."""
    kept: dict[str, Any] = dict(run.settings)
    images = tuple(
        PictureRef(sha256=str(ref["sha256"]), role=ref["role"] if ref["role"] in get_args(Role) else "edit")
        for ref in kept.get("images") or ()
    )
    return Asked(text=run.text, only=model, n=kept.get("n"), tier="draft" if kept.get("tier") == "draft" else "final", images=images, mask=kept.get("mask"),
                 project=kept.get("project"), parent=parent_of(run), continues=kept.get("continues") is True,
                 restore=kept.get("restore") is True)  # fmt: skip


def draft_of(run: RunRecord, model: str) -> DraftSettings | None:
    """What the drafts of a model set in this run; None where it has none."""
    kept: Any = run.settings.get("drafts") or {}
    found: DraftSettings | None = kept.get(model)
    return found


def parent_of(run: RunRecord) -> Parent | None:
    """The picture that the run's tiles are made from, where it was started from one."""
    kept: Any = run.settings.get("parent")
    return None if kept is None else Parent(tile=str(kept["tile"]), picture=str(kept["picture"]))


def kept_parent(parent: Parent | None) -> JsonObject:
    """What a run keeps of the picture that it is started from."""
    return {} if parent is None else {"parent": to_builtins(parent)}
