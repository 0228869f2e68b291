"""Names of a kit's files: fields, what no system takes, clashes."""

import pytest

from triptych.spec.errors import BadRequestError
from triptych.studio.kit_names import TEMPLATE, check_template, names, slug

KITE = {
    "project": "Spring & Co",
    "kit": "k",
    "format": "4x5",
    "width": "1080",
    "height": "1350",
    "model": "aurora",
    "n": "2",
}


def test_a_name_is_made_of_its_fields() -> None:
    (made,) = names(TEMPLATE, [KITE], "png")
    assert (made.name, made.problem) == ("Spring-Co_4x5_1080x1350_aurora_v2.png", None)


def test_names_that_differ_by_capitals_or_composition_alone_clash() -> None:
    made = names(
        "{project}", [KITE | {"project": each} for each in ("Tee", "tEE", "Th\u00e9", "The\u0301", "Other")], "png"
    )
    assert [each.problem is None for each in made] == [False, False, False, False, True]


@pytest.mark.parametrize(
    ("template", "project", "said"),
    [("{project}", "con", "Windows"), ("{project}.v1", "NUL", "Windows"), ("{project}", "x" * 300, None),
     ("{project}" * 3, "y" * 60, "longer"), (".{project}", "a", "begins")],
)  # fmt: skip
def test_names_that_a_system_refuses_are_told(template: str, project: str, said: str | None) -> None:
    (made,) = names(template, [KITE | {"project": project}], "png")
    assert (made.problem is None) if said is None else said in str(made.problem)


@pytest.mark.parametrize(
    "template", ["", " ", "{", "{a", "{model", "}x", "{nothing}", "a/b", "a\\b", "a:b", "a\nb", "x" * 201]
)
def test_a_template_that_cannot_be_is_refused(template: str) -> None:
    with pytest.raises(BadRequestError):
        check_template(template)


@pytest.mark.parametrize(
    ("text", "made"), [("../../etc", "etc"), ("茶 壺", "茶-壺"), ("", "untitled"), ("...", "untitled")]
)
def test_values_carry_no_path_into_a_name(text: str, made: str) -> None:
    assert slug(text) == made
