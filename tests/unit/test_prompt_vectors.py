"""The grammar's test vectors and the traps of reading prompts."""

import pytest

from triptych.spec.image import AspectRatio, Size, WeightedPart
from triptych.studio.prompt import PromptPlan, PromptSpec, Reference, read_prompt


def only(text: str) -> tuple[PromptSpec, PromptPlan]:
    plan = read_prompt(text)
    assert plan.count == len(plan.prompts) == 1
    return plan.prompts[0], plan


def notes(plan: PromptPlan) -> list[tuple[str, str]]:
    return [(note.kind, note.token) for note in plan.notes]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("one {red, green} kite over a {beach, rooftop}", 4),
        ("{Clay, charcoal} study of a {fox {on a wall, in the snow}, horse {at a gate, under a tree}}.", 8),
        ("a paper kite --{v 5, niji, test}", 3),
        ("a paper kite --ar {3:2, 1:1, 2:3, 1:2}", 4),
        ("{flat, layered} scene --v {5.2, 6 {, --style raw}}", 6),
        ("a {, big} kite", 2),
        ("a {b, {c, {d, e}}} f", 4),
    ],
)
def test_groups_multiply_and_nest(text: str, count: int) -> None:
    plan = read_prompt(text)
    assert plan.count == len(plan.prompts) == count
    assert len(set(plan.prompts and [(p.text, str(p.settings)) for p in plan.prompts])) >= count - 1


def test_the_first_group_turns_slowest_and_options_are_trimmed() -> None:
    texts = [p.text for p in read_prompt("{ red , green } kite over a { beach, rooftop }").prompts]
    assert texts == [
        "red kite over a beach",
        "red kite over a rooftop",
        "green kite over a beach",
        "green kite over a rooftop",
    ]


def test_an_escaped_comma_does_not_divide() -> None:
    assert [p.text for p in read_prompt(r"{teal, pale \, green} kite").prompts] == ["teal kite", "pale, green kite"]


def test_escaped_braces_are_braces() -> None:
    assert only(r"a \{b, c\} d \\ e")[0].text == r"a {b, c} d \ e"


def test_groups_inside_parameters() -> None:
    plan = read_prompt("{flat, layered} scene --v {5.2, 6 {, --style raw}}")
    assert [p.settings.get("version") for p in plan.prompts] == ["5.2", "6", "6"] * 2
    assert [p.settings.get("raw") for p in plan.prompts] == [None, None, True] * 2
    ratios = [str(p.settings["aspect_ratio"]) for p in read_prompt("a --ar {3:2, 1:1, 2:3, 1:2}").prompts]
    assert ratios == ["3:2", "1:1", "2:3", "1:2"]


@pytest.mark.parametrize(
    "text",
    [
        'sign "Red, {or} Blue" x',
        'sign "Red {a, b}" x',
        "{a} and open { brace",
        "close } it",
        '{"subject": "a fox", "styles": ["clay, flat", "ink"], "note": "a --ar 4:5 :: b"}',
        '[1, {"a": 2}]',
        'poster "buy --now" and more',
        "state-of-the-art -- not a param",
        "a cat \N{EM DASH}sitting on a wall",
        "a cat \N{EN DASH} sitting",
        "  spaces \n and\tlines  ",
        'a 6" pipe',
        "write to @nobody about it",
    ],
)
def test_text_that_is_left_alone(text: str) -> None:
    spec, plan = only(text)
    assert spec.text == text
    assert (spec.settings, spec.parts, plan.notes, plan.chips) == ({}, (), (), ())


def test_a_pasted_json_prompt_may_have_parameters_after_it() -> None:
    spec, _ = only('{"a": "b", "c": "d"} --ar 4:5')
    assert (spec.text, spec.settings) == ('{"a": "b", "c": "d"}', {"aspect_ratio": AspectRatio(4, 5)})


def test_weights() -> None:
    spec, plan = only("poppy meadow at noon:: red::-.5 --ar 16:9")
    assert spec.parts == (WeightedPart("poppy meadow at noon", 1.0), WeightedPart("red", -0.5))
    assert (spec.text, spec.settings["negative_prompt"]) == ("poppy meadow at noon", "red")
    assert plan.errors == ()
    assert [part.weight for part in only("glass:: lamp:: etching")[0].parts] == [1, 1, 1]
    assert only("a::2 b")[0].shares() == only("a::4 b::2")[0].shares()
    assert only("fire:: fly")[0].text == "fire, fly"
    assert only("small:: large::3")[0].text == "large, small"


def test_a_sum_of_weights_that_is_not_positive_stops_the_run() -> None:
    _, plan = only("a::1 b::-1")
    assert [note.token for note in plan.errors] == ["::"]


def test_parameters_in_one_go() -> None:
    spec, plan = only("flower --no red, blue --s 50 --tile --ar 16:9")
    assert spec.text == "flower"
    assert spec.settings == {
        "negative_prompt": "red, blue",
        "stylize": 50,
        "tile": True,
        "aspect_ratio": AspectRatio(16, 9),
    }
    assert plan.notes == ()
    assert [(chip.name, chip.text, chip.value) for chip in plan.chips] == [
        ("negative_prompt", "--no red, blue", "red, blue"), ("stylize", "--s 50", 50), ("tile", "--tile", True),
        ("aspect_ratio", "--ar 16:9", "16:9"),
    ]  # fmt: skip


def test_long_dashes_count_before_known_names_only() -> None:
    spec, plan = only("cat \N{EM DASH}ar 3:2 \N{EN DASH}no dog")
    assert spec.settings == {"aspect_ratio": AspectRatio(3, 2), "negative_prompt": "dog"}
    assert [note.kind for note in plan.notes] == ["info", "info"]


def test_two_dashes_alone_are_text() -> None:
    spec, _ = only("state-of-the-art -- not a param --s 5")
    assert (spec.text, spec.settings) == ("state-of-the-art -- not a param", {"stylize": 5})


def test_quoted_parameters_are_text() -> None:
    spec, _ = only('poster "buy --now" --ar 4:5')
    assert (spec.text, spec.settings) == ('poster "buy --now"', {"aspect_ratio": AspectRatio(4, 5)})


def test_an_unknown_name_is_named_and_not_sent() -> None:
    spec, plan = only("x --stlye raw")
    assert (spec.text, spec.settings) == ("x", {})
    assert notes(plan) == [("unknown", "--stlye raw")]
    assert plan.notes[0].message == "Unknown --stlye. Did you mean --style or --stylize? It was not sent."


def test_out_of_range_is_clamped_and_said() -> None:
    spec, plan = only("x --s 5000 --chaos -3 --iw 9.5 --seed 99999999999")
    assert spec.settings == {"stylize": 1000, "chaos": 0, "iw": 3, "seed": 4294967295}
    assert [kind for kind, _ in notes(plan)] == ["clamped"] * 4


def test_the_last_of_two_wins_and_it_is_said() -> None:
    spec, plan = only("x --s 5 --stylize 7 --size 1536x1024 --ar 4:5")
    assert spec.settings == {"stylize": 7, "aspect_ratio": AspectRatio(4, 5)}
    assert notes(plan) == [("duplicate", "--s 5"), ("duplicate", "--size 1536x1024")]


def test_a_parameter_before_the_text() -> None:
    spec, plan = only("/imagine prompt: --ar 4:5 a cat in the rain")
    assert (spec.text, spec.settings) == ("a cat in the rain", {"aspect_ratio": AspectRatio(4, 5)})
    assert notes(plan) == [("moved", "--ar 4:5")]
    spec, plan = only("--stlye raw a cat")
    assert (spec.text, notes(plan)) == ("a cat", [("unknown", "--stlye raw")])


@pytest.mark.parametrize("prefix", ["/imagine ", "/imagine prompt:", "/Imagine prompt: "])
def test_the_discord_prefix_is_dropped(prefix: str) -> None:
    assert only(f"{prefix}a cat")[0].text == "a cat"
    assert only("/imagined worlds")[0].text == "/imagined worlds"


@pytest.mark.parametrize(
    ("text", "word"),
    [("x --ar 1.39:1", "139:100"), ("x --ar wide", "4:5"), ("x --s", "whole number"), ("x --size 0x4", "zero"),
     ("x --format gif", "webp"), ("x --style cute", "raw"), ("x --budget much", "0.50"), ("x --m", "models"),
     ("x --sref", "@img1"), ("x --no", "leave out"), ("x --v", "version"), ("x --q best", "standard")],
)  # fmt: skip
def test_values_that_cannot_be_read_are_named_and_not_sent(text: str, word: str) -> None:
    spec, plan = only(text)
    assert spec.settings == {}
    note = next(note for note in plan.notes if note.kind == "invalid")
    assert "not sent" in note.message
    assert word in note.message or word == "models"


def test_quality_has_many_spellings() -> None:
    for text, value in [("--q .25", "draft"), ("--q 1", "standard"), ("--quality 4", "high"), ("--draft", "draft"),
                        ("--hd", "hd"), ("--sd", "standard"), ("--q high", "high")]:  # fmt: skip
        assert only(f"x {text}")[0].settings == {"quality": value}
    assert notes(only("x --q 3")[1]) == [("clamped", "--q 3")]


def test_knobs_go_by_their_canonical_names() -> None:
    spec, plan = only("x --c 5 --w 10 --raw --sw 20 --ow 30 --cw 40 --exp 5 --sv 4 --stop 50 --niji 6 --p ab12cd")
    assert spec.settings == {
        "chaos": 5, "weird": 10, "raw": True, "sw": 20, "ow": 30, "cw": 40, "exp": 5, "sv": 4, "stop": 50,
        "version": "niji 6", "profile": "ab12cd",
    }  # fmt: skip
    assert plan.notes == ()


def test_speed_and_visibility_are_read_and_have_no_effect() -> None:
    spec, plan = only("x --fast --stealth")
    assert spec.settings == {}
    assert [note.kind for note in plan.notes] == ["info", "info"]


def test_own_parameters() -> None:
    spec, plan = only(
        "x --m flux, gemini --n 3 --budget $0.50 --blind --repeat 2 --size 2k --format jpg --bg transparent"
    )
    assert (plan.models, plan.n, plan.budget_micro_usd, plan.blind, plan.repeat) == (
        ("flux", "gemini"),
        3,
        500_000,
        True,
        2,
    )
    assert spec.settings == {"resolution": "2k", "output_format": "jpeg", "background": "transparent"}
    assert only("x --size 1536x1024")[0].settings == {"size": Size(1536, 1024)}


def test_models_may_be_named_with_an_at_sign() -> None:
    plan = read_prompt("a cat @Flux in rain @home", model_names=frozenset({"flux"}))
    assert (plan.prompts[0].text, plan.models) == ("a cat in rain @home", ("flux",))


def test_a_setting_for_one_model() -> None:
    spec, _ = only("x --s 250@flux --q 4@gpt --s 100 --tile@flux")
    assert spec.settings == {"stylize": 100}
    assert {(o.model, o.name, o.value) for o in spec.overrides} == {
        ("flux", "stylize", 250), ("gpt", "quality", "high"), ("flux", "tile", True)
    }  # fmt: skip


def test_pictures_in_front_and_in_parameters() -> None:
    spec, plan = only("https://example.com/a.png @img3 a cat --sref @img1::2 123 --oref @img2")
    assert spec.text == "a cat"
    assert spec.references == (Reference(1, "style"), Reference(2, "subject"), Reference(3, None))
    assert spec.settings == {"sref": "123"}
    assert ("info", "https://example.com/a.png") in notes(plan)


def test_names_are_read_without_regard_to_case_and_glued_values_too() -> None:
    assert only("x --AR 4:5 --S250 --v5.2")[0].settings == {
        "aspect_ratio": AspectRatio(4, 5),
        "stylize": 250,
        "version": "5.2",
    }


def test_an_empty_prompt_is_an_error() -> None:
    for text in ("", "   ", "--ar 4:5", "https://example.com/a.png"):
        assert [note.kind for note in only(text)[1].errors] == ["error"]


def test_what_holds_for_the_run_cannot_differ_between_combinations() -> None:
    plan = read_prompt("x --n {2, 3}")
    assert (plan.n, notes(plan)) == (2, [("invalid", "--n")])
