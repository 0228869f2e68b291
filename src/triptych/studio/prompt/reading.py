"""Reads one combination: parameters into settings, body into words and parts, and a note for everything odd."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from triptych.spec.image import AspectRatio, Knob, Role, Size, WeightedPart
from triptych.studio.prompt.parameters import BY_SPELLING, Parameter, did_you_mean
from triptych.studio.prompt.readers import Reading, first_word
from triptych.studio.prompt.split import (
    RawParameter,
    leading_pictures,
    mentions,
    shorten,
    split_parameters,
    weighted_parts,
)
from triptych.studio.prompt.values import Chip, NoteKind, Override, PromptNote, PromptSpec, Reference, Value

_SUFFIX = re.compile(r"([^@\s]+)@([\w./:-]+)$", re.ASCII)
_PICTURE = re.compile(r"@img(\d+)$", re.IGNORECASE)
_ROLES: Mapping[str, Role] = {"sref": "style", "oref": "subject", "cref": "subject", "edit": "edit"}
_SHAPES = {"size": "aspect_ratio", "aspect_ratio": "size"}  # two ways to say a shape: the later one holds
_MOST_NOTES = 60
_ADDRESS = "Addresses are not opened: drop the picture in instead."


@dataclass(slots=True)
class OnePrompt:
    """The reading of one combination. Use once."""

    names: frozenset[str]
    text: str = ""
    parts: tuple[WeightedPart, ...] = ()
    settings: dict[tuple[str, str | None], Value] = field(default_factory=dict)
    references: dict[str, tuple[Reference, ...]] = field(default_factory=dict)
    plan: dict[str, Knob] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    notes: list[PromptNote] = field(default_factory=list)
    chips: dict[tuple[str, str | None], Chip] = field(default_factory=dict)
    _moved: list[str] = field(default_factory=list)
    _negative: list[str] = field(default_factory=list)

    def read(self, text: str) -> "OnePrompt":
        """Reads the text and returns itself."""
        body, parameters = split_parameters(text)
        for parameter in parameters:
            self._parameter(parameter, before_text=not body.strip())
        if self._moved:
            body = " ".join(piece for piece in (body, *self._moved) if piece)
        body, pictures = leading_pictures(body)
        self._pictures("leading", None, pictures)
        body, chosen = mentions(body, self.names)
        self.models = (*self.models, *chosen)
        self._body(body)
        return self

    def spec(self) -> PromptSpec:
        """What was read."""
        settings = {name: value for (name, model), value in self.settings.items() if model is None}
        negative = [str(settings["negative_prompt"])] if "negative_prompt" in settings else []
        if self._negative:
            settings["negative_prompt"] = ", ".join([*negative, *self._negative])
        overrides = tuple(Override(model, name, value) for (name, model), value in self.settings.items() if model)
        references = {reference.index: reference for group in self.references.values() for reference in group}
        return PromptSpec(
            text=self.text, parts=self.parts, settings=settings, overrides=overrides,
            references=tuple(references.values()),
        )  # fmt: skip

    def _note(self, kind: NoteKind, token: str, message: str) -> None:
        if len(self.notes) < _MOST_NOTES or kind == "error":
            self.notes.append(PromptNote(kind, shorten(token), message))

    def _body(self, body: str) -> None:
        parts, notes = weighted_parts(body)
        self.notes.extend(notes)
        self.text = body
        if parts:
            wanted = sorted((part for part in parts if part.weight > 0), key=lambda part: -part.weight)
            self.text = ", ".join(part.text for part in wanted)
            self._negative = [part.text for part in parts if part.weight < 0]
            self.parts = parts if len(parts) > 1 else ()
            total = sum(part.weight for part in parts)
            if len(parts) > 1 and total > 0:
                shares = " / ".join(f"{part.weight / total:.0%}" for part in parts)
                written = " ".join(f"{part.text}::{part.weight:g}" for part in parts)
                self.chips["weights", None] = Chip("weights", shorten(written), shares)
        if not self.text.strip() and not any(note.kind == "error" for note in self.notes):
            self._note("error", "", "The prompt is empty. Write what the picture should show.")

    def _parameter(self, raw: RawParameter, *, before_text: bool) -> None:
        if not raw.known:
            self._unknown(raw, before_text=before_text)
            return
        if raw.dash != "--":
            self._note("info", f"{raw.dash}{raw.name}", f"The dash before {raw.name} was read as --{raw.name}.")
        parameter = BY_SPELLING[raw.name]
        value, model = _suffix(raw, parameter)
        reading = parameter.read(value)
        taken = value[: len(value) - len(reading.rest)].strip()
        token = shorten(" ".join(word for word in (f"--{raw.name}", f"{taken}@{model}" if model else taken) if word))
        if reading.rest:
            self._moved.append(reading.rest)
            words = shorten(reading.rest, 40)
            self._note("moved", token, f"The words after {token} (“{words}”) were read as part of the prompt.")
        if reading.problem is not None or reading.value is None:
            self._note("invalid", token, f"--{raw.name} {reading.problem}. It was not sent.")
            return
        if reading.clamped:
            self._note("clamped", token, f"--{raw.name}: {reading.clamped}.")
        if parameter.note:
            self._note("info", token, parameter.note)
        self._set(parameter, reading, token, model)

    def _unknown(self, raw: RawParameter, *, before_text: bool) -> None:
        token = raw.token
        if before_text:
            word, rest = first_word(raw.value)
            self._moved += [rest] if rest else []
            token = shorten(f"--{raw.name} {word}".strip())
        near = did_you_mean(raw.name) if len(self.notes) < _MOST_NOTES else ()
        hint = f" Did you mean {' or '.join(f'--{name}' for name in near)}?" if near else ""
        self._note("unknown", token, f"Unknown --{shorten(raw.name, 40)}.{hint} It was not sent.")

    def _set(self, parameter: Parameter, reading: Reading, token: str, model: str | None) -> None:
        name, value = reading.name or parameter.name, reading.value
        if value is None or parameter.scope == "nothing":
            return
        if model is not None and parameter.scope in {"plan", "reference"}:
            self._note("invalid", token, f"{token.split(' ', maxsplit=1)[0]} cannot be set for one model only.")
            return
        self._replace(name, token, model)
        if parameter.scope == "reference":
            self._pictures(name, _ROLES[name], reading.words)
        elif name == "models":
            self.models = reading.words
        elif parameter.scope == "plan" and isinstance(value, Knob):
            self.plan[name] = value
        else:
            self.settings[name, model] = value
        shown = str(value) if isinstance(value, AspectRatio | Size) else value
        self.chips[name, model] = Chip(name, token, shown)

    def _replace(self, name: str, token: str, model: str | None) -> None:
        """Takes out what an earlier parameter set for the same thing, with a note."""
        for other in (name, _SHAPES.get(name)):
            if other is None or (other, model) not in self.chips:
                continue
            earlier = self.chips.pop((other, model))
            self.settings.pop((other, model), None)
            self.references.pop(other, None)
            self._note("duplicate", earlier.text, f"{token} stands later and takes the place of {earlier.text}.")

    def _pictures(self, name: str, role: Role | None, words: tuple[str, ...]) -> None:
        found, codes = [], []
        for word in words:
            plain, weighted, _ = word.partition("::") if not word.lower().startswith("http") else (word, "", "")
            if weighted:
                self._note(
                    "info", word, "Weights of single pictures have no counterpart here; the picture is sent as it is."
                )
            picture = _PICTURE.match(plain)
            if picture:
                found.append(Reference(int(picture[1]), role))
            elif plain.lower().startswith("http"):
                self._note("info", word, _ADDRESS)
            else:
                codes.append(plain)
        if found:
            self.references[name] = tuple(found)
        if codes:
            self.settings[name, None] = " ".join(codes)


def _suffix(raw: RawParameter, parameter: Parameter) -> tuple[str, str | None]:
    """The value without `@flux`, and `flux`. Lists and pictures have no such suffix."""
    if raw.model is not None:
        return raw.value, raw.model
    if parameter.scope == "reference" or parameter.name in {"negative_prompt", "models", "profile"}:
        return raw.value, None
    word, rest = first_word(raw.value)
    match = _SUFFIX.match(word)
    return (f"{match[1]} {rest}".strip(), match[2]) if match else (raw.value, None)
