"""Sheets for a client, on a real server: what is in the file, what is not, the paper, and the votes that come back."""

import base64
import hashlib
import io
import json
import re
from typing import Any, get_args

import pytest
from PIL import Image
from pypdf import PdfReader
from tests.integration.place import Place
from tests.integration.test_kits import kit_of
from tests.integration.test_picks import MODELS, pictures_of

from triptych.spec.kit import Said, Vote
from triptych.studio.client_picks import choices

PICTURE = re.compile(r'<img src="data:(image/\w+);base64,([^"]+)"')


def sheet_of(place: Place, kit: dict[str, Any], **asked: Any) -> tuple[dict[str, Any], str]:
    made = place.post(f"/api/kits/{kit['id']}/sheets", asked)
    assert made.status_code == 201, made.text
    answer = place.get(made.json()["url"])
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]
    return made.json(), answer.text


def votes(sheet: str, *pictures: dict[str, Any], **more: Any) -> bytes:
    return json.dumps(
        {"triptych": "votes/1", "sheet": sheet, "ballot": "0" * 16, "pictures": pictures, **more}
    ).encode()


def test_a_sheet_is_one_file_that_asks_nobody(place: Place) -> None:
    kit = kit_of(place, 'a kettle, "tea" & <b>steam</b>', "1x1", "9x16", name='A <i>"kit"</i>')
    sheet, html = sheet_of(place, kit, prices=True)
    assert sheet["pictures"] == 2
    sizes = [Image.open(io.BytesIO(base64.b64decode(data))).size for _, data in PICTURE.findall(html)]
    assert [round(w / h, 2) for w, h in sizes] == [1.0, 0.56]
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)
    assert policy is not None
    for tag, content in (
        ("style", re.search(r"<style>(.*?)</style>", html, re.DOTALL)),
        ("script", re.search(r"<script>(.*?)</script>", html, re.DOTALL)),
    ):
        assert content is not None
        assert (
            f"{tag}-src 'sha256-{base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()}'" in policy[1]
        )
    assert "default-src 'none'" in policy[1]
    assert not re.search(r"(?:src|href)=\"(?!data:)", html)
    assert not re.search(r"https?://|<b>steam|<i>", html)
    assert "Gemini 3.1 Flash Image" in html
    assert "$0.06" in html


def test_what_leaves_the_studio_is_in_the_language_of_the_page_or_in_the_one_asked_for(place: Place) -> None:
    kit = kit_of(place, "a kettle on ice", "1x1")
    german = {"cookie": "triptych-language=de"}
    made = place.post(f"/api/kits/{kit['id']}/sheets", {"prices": True}, headers=german).json()
    html = place.get(made["url"]).text  # as it was made, whoever fetches it
    assert '<html lang="de">' in html
    assert ">Antworten sichern<" in html
    assert "$0,067" in html
    assert '<html lang="en">' in sheet_of(place, kit, lang="en")[1]
    assert place.post(f"/api/kits/{kit['id']}/sheets", {"lang": "tlh"}).status_code == 400
    paper = place.get(f"/api/kits/{kit['id']}/paper?prices=1&lang=de").content
    assert "$0,067" in PdfReader(io.BytesIO(paper)).pages[0].extract_text()
    assert place.get(f"/api/kits/{kit['id']}/paper?lang=xx").status_code == 400
    usage = {tag: place.get("/usage", headers={"accept-language": tag}) for tag in ("de", "en")}
    if usage["de"].status_code in {200, 503}:
        assert '<html lang="de">' in usage["de"].text
        assert '<html lang="en">' in usage["en"].text


def test_a_blind_sheet_tells_letters_and_nothing_else(place: Place) -> None:
    _, (picture, _) = pictures_of(place, "a blue heron", *MODELS)
    kit = place.post("/api/kits", {"picture": picture, "formats": ["1x1"]}).json()
    _, html = sheet_of(place, kit, of="row", blind=True, prices=True)
    plain = PICTURE.sub("", html).lower()
    assert plain.count("<li class") == 2
    for word in ("gemini", "gpt-", "gpt ", "google", "openai", "$", picture.lower(), "crop"):
        assert word not in plain.partition("<ol")[2].partition("</ol>")[0]
    for _, data in PICTURE.findall(html):
        image = Image.open(io.BytesIO(base64.b64decode(data)))
        assert image.format == "WEBP"
        assert not {"exif", "xmp", "icc_profile"} & set(image.info)


def test_votes_come_back_and_are_counted_apart_from_the_users_own(place: Place) -> None:
    kit = kit_of(place, "a red barn", "1x1", "4x5")
    sheet, _ = sheet_of(place, kit)
    picks = place.get("/api/picks").json()["picks"]
    sent = votes(
        sheet["id"],
        {"letter": "A", "vote": "yes", "rank": 1, "comment": "<b>this</b>"},
        {"letter": "B", "vote": "no"},
        client="Ada",
    )
    answer = place.send("POST", "/api/votes", content=sent)
    assert answer.status_code == 201, answer.text
    assert answer.json()["kit"] == kit["id"]
    told = place.get(f"/api/kits/{kit['id']}/votes").json()
    by_format = {each["format"]: each for each in told["pictures"]}
    first, second = (by_format[each["id"]] for each in kit["formats"])
    assert (first["yes"], first["no"], second["no"]) == (1, 0, 1)
    assert first["said"][0]["comment"] == "<b>this</b>"
    again = votes(sheet["id"], {"letter": "A", "vote": "maybe"}, client="Ada")
    ballot = place.send("POST", "/api/votes", content=again).json()["id"]
    told = place.get(f"/api/kits/{kit['id']}/votes").json()
    assert [each["id"] for each in told["ballots"]] == [ballot]
    assert place.get("/api/picks").json()["picks"] == picks
    assert place.send("DELETE", f"/api/kits/{kit['id']}/votes/{ballot}").status_code == 204
    assert place.get(f"/api/kits/{kit['id']}/votes").json()["ballots"] == []


def test_a_client_counts_in_the_users_ranking_only_when_that_is_asked_for(place: Place) -> None:
    place.send("DELETE", "/api/picks")
    _, pictures = pictures_of(place, "a grey seal", *MODELS)
    kit = place.post("/api/kits", {"picture": pictures[0], "formats": ["1x1", "16x9"]}).json()
    sheet, _ = sheet_of(place, kit, of="row")
    letters = dict(zip(pictures, "AB", strict=True))

    def sent(place_of_second: int) -> str:
        ranks = {pictures[0]: 3 - place_of_second, pictures[1]: place_of_second}
        said = [{"letter": letters[picture], "rank": rank, "vote": "no"} for picture, rank in ranks.items()]
        return str(place.send("POST", "/api/votes", content=votes(sheet["id"], *said, client="Ada")).json()["id"])

    ballot = sent(1)
    path = f"/api/kits/{kit['id']}/votes"
    assert place.get(path).json()["ranking"] == {ballot: {"picks": 1, "taken": 0, "why": None}}
    assert place.get("/api/ranking").json()["picks"] == 0
    assert place.http.post(f"{place.url}{path}/{ballot}/picks", json={"question": "closer"}).status_code == 403
    assert place.post(f"{path}/{ballot}/picks", {"question": "nicer"}).status_code == 400
    since = place.app.bus.last_id()
    assert place.post(f"{path}/{ballot}/picks", {"question": "closer"}).json() == {"picks": 1}
    assert [event["votes"] for event in place.events(since) if event["type"] == "kit"] == [True]
    (pick,) = place.get("/api/picks?source=client").json()["picks"]
    assert [pick[name] for name in ("source", "question", "run_id", "winner", "blind")] == [
        "client",
        "closer",
        None,
        1,
        False,
    ]
    assert [shown["picture_id"] for shown in pick["shown"]] == pictures
    own = place.post("/api/picks", {"pictures": pictures, "winner": 0}).json()
    assert place.get("/api/picks?source=own").json()["picks"] == [own]
    told = [place.get(f"/api/ranking?question={q}{more}").json() for q in ("prettier", "closer")
            for more in ("", "&source=own", "&source=client")]  # fmt: skip
    assert [each["picks"] for each in told] == [1, 1, 0, 1, 0, 1]  # each question for itself
    assert MODELS[1] in told[-1]["models"][0]["endpoints"]
    assert place.get("/api/ranking?source=else").status_code == 400

    ballot = sent(2)  # from the same copy of the sheet: what was taken before stays until it is taken anew
    assert place.get(path).json()["ranking"] == {ballot: {"picks": 1, "taken": 1, "why": None}}
    place.post(f"{path}/{ballot}/picks", {"question": "prettier"})
    (pick,) = place.get("/api/picks?source=client").json()["picks"]
    assert (pick["winner"], pick["question"]) == (0, "prettier")
    assert place.send("DELETE", f"{path}/{ballot}/picks").json() == {"forgotten": 1}
    place.post(f"{path}/{ballot}/picks", {"question": "prettier"})
    assert place.send("DELETE", "/api/picks?source=client").json() == {"forgotten": 1}
    place.post(f"{path}/{ballot}/picks", {"question": "prettier"})
    assert place.send("DELETE", f"{path}/{ballot}").status_code == 204  # the client is forgotten, wherever they counted
    assert place.get("/api/picks").json()["picks"] == [own]

    formats, _ = sheet_of(place, kit)
    said = ({"letter": "A", "vote": "yes"}, {"letter": "B", "vote": "no"})
    ballot = place.send("POST", "/api/votes", content=votes(formats["id"], *said)).json()["id"]
    assert place.get(path).json()["ranking"][ballot]["picks"] == 0
    refused = place.post(f"{path}/{ballot}/picks", {"question": "prettier"})
    assert (refused.status_code, refused.json()["error"]["message"][:26]) == (409, "This sheet showed formats:")


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ("A1 B2 C3", [("ABC", "A", ""), ("BC", "B", "")]),
        ("C1 A2 Byes Dno", [("AC", "C", "")]),
        ("A1 B1 Cyes Dno", [("CD", None, "D")]),
        ("Ayes Bmaybe Cno Dno E", [("ACD", None, "CD")]),
        ("Ayes Byes", []),
        ("A1", []),
    ],
)
def test_what_answers_say_of_models(answers: str, found: list[tuple[str, str | None, str]]) -> None:
    said = [
        Said(letter=each[0], rank=int(each[1:]) if each[1:].isdigit() else None,
             vote=next((vote for vote in get_args(Vote) if vote == each[1:]), None))
        for each in answers.split()
    ]  # fmt: skip
    made = [("".join(each.letters), each.winner, "".join(each.rejected)) for each in choices(said)]
    assert made == found


@pytest.mark.parametrize(
    ("body", "status"), [(b"{}", 400), (votes("sht_none", {"letter": "A"}), 404), (b"x" * 300_000, 413)]
)
def test_votes_that_are_none_are_refused(place: Place, body: bytes, status: int) -> None:
    answer = place.send("POST", "/api/votes", content=body)
    assert answer.status_code in {status, 400}
    assert answer.json()["error"]["message"]
    assert place.http.post(f"{place.url}/api/votes", content=body).status_code == 403


def test_the_paper_has_pictures_and_text_that_is_text(place: Place) -> None:
    kit = kit_of(place, "a grey heron by the weir 茶", "1x1", "9x16", "a4")
    answer = place.get(f"/api/kits/{kit['id']}/paper", params={"prices": "1"})
    assert answer.headers["content-type"] == "application/pdf"
    (page,) = PdfReader(io.BytesIO(answer.content)).pages
    assert [round(float(side)) for side in page.mediabox[2:]] == [595, 842]
    text = page.extract_text()
    for word in (
        "a grey heron by the weir",
        "Gemini 3.1 Flash Image",
        "$0.06",
        "A 1:1",
        "C A4",
        "does not have every letter",
    ):
        assert word in text
    assert len(page.images) == 3
    without = PdfReader(io.BytesIO(place.get(f"/api/kits/{kit['id']}/paper").content)).pages[0].extract_text()
    assert "$" not in without
    assert place.get(f"/api/kits/{kit['id']}/paper", params={"of": "all"}).status_code == 400
