"""The second writing of the rules, in the browser: the same decisions, the same words about receipts, and no change unseen."""

import base64
import gzip
import json
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from playwright.sync_api import Page
from tests.unit import fee_cases
from tests.unit.test_receipt_words import strange_receipts
from tests.vectors import make, make_receipts
from tests.vectors.many import stored
from tests.web.conftest import Opener, intercept

from triptych.catalog.load import load_cards
from triptych.network.check_fee import fee_line
from triptych.network.published import cards_in
from triptych.router.bundle import read_bundle
from triptych.router.filters import FIELDS, OPS
from triptych.router.parts import price_of
from triptych.router.policy import catalogue_body
from triptych.spec.errors import SettingsError
from triptych.spec.image import AspectRatio, ImageRequest, InputImage, Size, Usage
from triptych.spec.model import LANES
from triptych.spec.price import estimate, from_usage
from triptych.spec.routing import Candidate, EndpointState, Features, Reason
from triptych.web import VERSION, Assets

pytestmark = pytest.mark.browser
VERIFY = f"/web/{VERSION}/verify/"
DECISIONS = json.loads(make.FILE.read_text("utf-8"))
RECEIPTS = json.loads(make_receipts.FILE.read_text("utf-8"))
CANONICAL = json.loads((Path(make.FILE).parent / "canonical.json").read_text("utf-8"))
WHOLE = RECEIPTS["cases"]["everything"]
OPEN = """const { decodeUrl64 } = await use('bytes'), { verify } = await use('verify');
const open = c => ({ ...c, images: Object.fromEntries(Object.entries(c.images ?? {}).map(([name, data]) => [name, decodeUrl64(data)])) });"""


def run(page: Page, script: str, given: Any = None) -> Any:
    """Runs a script in the page; `use` brings one of its modules, `given` is what was passed."""
    return page.evaluate(f"async given => {{ const use = name => import(`{VERIFY}${{name}}.js`); {script} }}", given)


def test_the_check_is_not_loaded_before_somebody_asks_for_it(visit: Opener) -> None:
    asked = visit().evaluate("performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in asked if "/app/" in name]
    assert [name for name in asked if "/verify/" in name] == []


def test_the_check_needs_nothing_of_the_page_and_no_package() -> None:
    files = [path for path in Assets().tree.files if path.startswith("verify/")]
    assert "verify/verify.js" in files
    assert {name.partition("/")[0] for path in files for name in Assets().tree.graph(path)} == {"verify"}


def test_both_writings_know_the_same_fields_reasons_and_lanes(visit: Opener) -> None:
    script = """
        const { FIELDS, LANES, OPS } = await use('filters'), { REASONS, readFeatures, readCandidate, readSnapshot } = await use('snapshot');
        const state = { endpoint: 'x/a', family: 'a', lane: 'local', ready: true };
        const [endpoint] = readSnapshot(JSON.stringify({ format: 'triptych-snapshot/1', taken_ms: 1, endpoints: [state] })).endpoints;
        return { reasons: REASONS, lanes: LANES, ops: OPS, fields: Object.fromEntries([...FIELDS].map(([name, { kind, words }]) => [name, [kind, words ?? []]])),
          endpoint, features: readFeatures({ model: 'auto', operation: 'edit' }), candidate: readCandidate({ endpoint: 'x/a', rank: 0, reason: 'picked' }) };
    """
    here = {
        "reasons": get_args(Reason), "lanes": LANES, "ops": OPS,
        "fields": {name: (field.kind, field.words) for name, field in FIELDS.items()},
        "endpoint": EndpointState(endpoint="x/a", family="a", lane="local", ready=True),
        "features": Features(model="auto", operation="edit"),
        "candidate": Candidate(endpoint="x/a", rank=0, reason="picked"),
    }  # fmt: skip
    assert run(visit(), script) == json.loads(msgspec.json.encode(here))


def test_the_golden_decisions_and_draws_come_out_in_the_browser(visit: Opener) -> None:
    page = visit()
    script = """
        const { readPolicy } = await use('policy'), { canonical, idOf } = await use('json'), draw = await use('draw');
        const { decideAgain } = await use('rerun'), { readCandidate } = await use('snapshot'), wrong = [];
        const hold = (name, one, two) => { if (canonical(one) !== canonical(two)) wrong.push(`${name}: ${canonical(one)}`); };
        for (const { value, log2 } of given.log2) hold('log2', String(draw.log2Fixed(BigInt(value))), log2);
        for (const d of given.draws) {
          hold('chance', String(draw.chance(d.policy_id, d.nonce, d.endpoint)), d.chance);
          hold('race', String(draw.race(BigInt(d.chance), BigInt(d.weight))), d.race);
          hold('deviate', Number(draw.deviate(d.policy_id, d.nonce, d.endpoint)), d.deviate);
        }
        for (const [id, policy] of Object.entries(given.policies)) hold('policy', readPolicy(canonical(policy)).id, id);
        for (const c of given.cases) {
          const again = decideAgain(canonical(given.policies[c.policy_id]), canonical(c.snapshot), c.features, c.nonce);
          hold('decision', [again.policy_id, idOf(c.snapshot), again.candidates], [c.policy_id, c.snapshot_id, c.candidates.map(readCandidate)]);
        }
        return { wrong, cases: given.cases.length };
    """
    assert run(page, script, DECISIONS) == {"wrong": [], "cases": make.COUNT + make.NEWCOMERS}


def test_ten_thousand_decisions_come_out_the_same_in_the_browser(visit: Opener) -> None:
    """The browser has their bytes alone. Every candidate counts, not only the first."""
    page = visit()
    # They travel packed: 29 MB on the wire of the test's own tool take longer than the decisions.
    script = """
        const { rerun } = await use('rerun'), { idOf } = await use('json');
        const packed = new Blob([Uint8Array.from(atob(given), c => c.charCodeAt(0))]).stream();
        const lines = (await new Response(packed.pipeThrough(new DecompressionStream('gzip'))).text()).split('\\n');
        return lines.map(line => {
          const again = rerun(...JSON.parse(line));
          return `${idOf(again.candidates)} ${again.differences.length}`;
        });
    """
    lines, counted = stored(10_000), 0
    while batch := list(islice(lines, 2_500)):
        packed = gzip.compress(b"\n".join(line for line, _ in batch), 1)
        found = run(page, script, base64.b64encode(packed).decode())
        assert found == [f"{fingerprint} 0" for _, fingerprint in batch]
        counted += len(found)
    assert counted == 10_000


def test_a_changed_policy_snapshot_nonce_or_candidate_is_found_in_the_browser(visit: Opener) -> None:
    lines = (json.loads(line) for line, _ in stored(60))
    line = next(one for one in lines if sum(c["rank"] >= 0 for c in one[0]["candidates"]) > 2)
    script = """
        const { rerun } = await use('rerun'), [stored, policy, snapshot] = given, [first, second, ...rest] = stored.candidates;
        const told = (changed, p = policy, s = snapshot) => rerun({ ...stored, ...changed }, p, s).differences.length > 0;
        return [told({}), told({}, policy.replace('"name":"', '"name":"x')), told({}, policy, snapshot.replace('"taken_ms":179', '"taken_ms":279')),
          told({ policy_id: '0'.repeat(64) }), told({ candidates: [first, ...rest] }), told({ candidates: [{ ...first, points: 1 - first.points }, second, ...rest] }),
          told({ candidates: [{ ...second, rank: 0, reason: 'picked' }, { ...first, rank: 1, reason: 'ranked_lower' }, ...rest] }),
          told({ candidates: [...stored.candidates, { ...first, endpoint: 'nobody/a', rank: -1 }] })];
    """
    assert run(visit(), script, line) == [False, *[True] * 7]


REFUSED: list[dict[str, Any]] = [
    {"strategy": "luck"}, {"draw_power": 0}, {"draw_power": 1.5}, {"weights": {"taste": 1}}, {"weights": {"speed": 1}},
    {"tie_break": ["price"]}, {"tie_break": ["nonce", "nonce"]}, {"filters": {"all": [], "any": []}}, {"filters": {"any": []}},
    {"filters": {"field": "n", "op": "eq", "value": "1"}}, {"filters": {"field": "lane", "op": "eq", "value": "near"}},
    {"filters": {"field": "is_ai", "op": "lt", "value": True}}, {"fees": {"per_mille": 1001}}, {"catalogue": "x"}, {"name": ""},
    {"fallback": {"same_model": False}}, {"format": "triptych-policy/2"}, {"more": 1}, {"weights": {"price": 2**53}},
]  # fmt: skip


def test_a_fee_is_checked_in_the_same_words_in_the_browser(visit: Opener) -> None:
    script = """
        const { feeLine } = await use('fee');
        return given.map(([payload, fees]) => feeLine(payload, fees));
    """
    found = run(visit(), script, [[payload, fees] for payload, fees, *_ in fee_cases.CASES])
    assert found == [msgspec.to_builtins(fee_line(payload, fees)) for payload, fees, *_ in fee_cases.CASES]


def test_a_policy_that_python_refuses_is_refused_in_the_browser(visit: Opener) -> None:
    script = """
        const { readPolicy } = await use('policy'), { Wrong } = await use('bytes');
        return given.map(text => { try { return readPolicy(text).name; } catch (error) { if (error instanceof Wrong) return null; throw error; } });
    """
    texts = [json.dumps({"format": "triptych-policy/1", "name": "mine", **policy}) for policy in ({}, *REFUSED)]
    for text in texts[1:]:
        with pytest.raises(SettingsError):
            read_bundle(text.encode())
    assert run(visit(), script, texts) == ["mine", *[None] * len(REFUSED)]


def test_canonical_json_of_the_rfc_and_what_is_refused_of_it(visit: Opener) -> None:
    script = """
        const { canonical, parse } = await use('json'), { Wrong } = await use('bytes');
        const tried = make => { try { return make(); } catch (error) { if (error instanceof Wrong) return null; throw error; } };
        const double = hex => new DataView(Uint8Array.from(hex.match(/../g), b => parseInt(b, 16)).buffer).getFloat64(0);
        return { texts: given.texts.map(c => tried(() => canonical(parse(c.input)))), refused: given.refused.map(text => tried(() => canonical(parse(text)))),
          numbers: given.numbers.map(([ieee]) => [tried(() => canonical(double(ieee))), JSON.stringify(double(ieee))]) };
    """
    found = run(visit(), script, CANONICAL)
    assert found["texts"] == [case["canonical"] if case["ours"] else None for case in CANONICAL["texts"]]
    assert found["refused"] == [None] * len(CANONICAL["refused"])
    for (ours, browser), (ieee, written) in zip(found["numbers"], CANONICAL["numbers"], strict=True):
        # RFC 8785 section 3.2.2.3 is how JavaScript itself writes a double; of these only the two zeroes are ours.
        assert browser == ("null" if written is None else written)
        assert ours == (written if written == "0" else None), ieee


def test_every_golden_receipt_says_the_same_words_in_the_browser(visit: Opener) -> None:
    script = f"""{OPEN} const said = {{}};
        for (const [name, c] of Object.entries(given)) said[name] = (await verify(open(c))).lines.map(l => [l.what, l.verdict, l.detail]);
        return said;
    """
    found = run(visit(), script, RECEIPTS["cases"])
    for name, case in RECEIPTS["cases"].items():
        assert found[name] == case["lines"], name


def test_the_page_says_what_is_true_of_a_page_and_names_no_option_of_a_command(visit: Opener) -> None:
    """Nothing is FALSE or proved by the wording: only what is not checked is said in other words."""
    lines = [
        {"what": what, "verdict": verdict, "detail": detail}
        for case in RECEIPTS["cases"].values()
        for what, verdict, detail in case["lines"]
    ]
    orders = ("--", "Give the ", "give a key", "give its proof", "that you trust")
    assert {order for order in orders if any(order in line["detail"] for line in lines)} == set(orders)
    found = run(
        visit(), f"const {{ here }} = await import('/web/{VERSION}/app/checked.js'); return given.map(here);", lines
    )
    shown = [line for line in found if line["verdict"] != "FALSE"]
    assert [line for line in shown if any(order in line["detail"] for order in orders)] == []
    assert [one["verdict"] for one, line in zip(found, lines, strict=True) if line["verdict"] == "FALSE"] == [
        line["verdict"] for line in lines if line["verdict"] == "FALSE"
    ]
    assert {line["verdict"] for line in found if line["what"] in {"signer", "witnesses"}} <= {"not checked", "FALSE"}


def shapes() -> list[ImageRequest]:
    """Requests of every kind that a price depends on."""
    picture = InputImage(data=b"", media_type="image/png", sha256="", width=1, height=1)
    plain: list[dict[str, Any]] = [
        {}, *({"size": Size(*one)} for one in ((1024, 1024), (1536, 1024), (777, 1333), (4096, 512), (1, 1), (3840, 2160))),
        *({"aspect_ratio": AspectRatio(*one)} for one in ((1, 1), (16, 9), (9, 21), (4, 5))),
        *({"resolution": one} for one in ("512", "1k", "2K", "4k", "8k")), {"resolution": "4k", "aspect_ratio": AspectRatio(3, 2)},
        *({"quality": one} for one in ("auto", "low", "medium", "high", "hd", "draft")), {"background": "transparent"},
    ]  # fmt: skip
    return [
        ImageRequest(prompt="", n=n, images=(picture,) * inputs, **one)
        for one in plain
        for n, inputs in ((1, 0), (1, 1), (5, 3))
    ]


def test_every_card_of_the_catalogue_costs_the_same_in_the_browser(visit: Opener) -> None:
    """Each card for each shape of request, by the table and by tokens."""
    body = catalogue_body(load_cards())
    cards, usage = (
        cards_in(body),
        Usage(input_text_tokens=11, input_image_tokens=300, output_tokens=4160, output_image_tokens=4000),
    )
    here = {}
    for name, card in cards.items():
        totals = [price_of(card, one, estimate).amount_micro_usd for one in shapes()]
        counted = [from_usage(card, usage, one) for one in shapes()]
        here[name] = [totals, [None if one is None else one.amount_micro_usd for one in counted]]
    asks = [{"n": one.n, "size": one.size and {"width": one.size.width, "height": one.size.height}, "resolution": one.resolution,
             "aspect_ratio": one.aspect_ratio and {"width": one.aspect_ratio.width, "height": one.aspect_ratio.height},
             "quality": one.quality, "background": one.background, "inputs": len(one.images), "options": {}} for one in shapes()]  # fmt: skip
    script = """
        const { cardsIn } = await use('published'), { fromUsage, priceOf } = await use('cost');
        return Object.fromEntries([...cardsIn(given.body)].map(([name, card]) => [name, [given.asks.map(ask => priceOf(card, ask).amount), given.asks.map(ask => fromUsage(card, given.usage, ask))]]));
    """
    found = run(visit(), script, {"body": body.decode(), "asks": asks, "usage": msgspec.to_builtins(usage)})
    assert found == here
    assert len({one for totals, _ in here.values() for one in totals}) > 50
    assert any(one is not None for _, counted in here.values() for one in counted)


def test_every_golden_header_is_read_the_same_in_the_browser(visit: Opener) -> None:
    script = """
        const { decodeUrl64, Wrong } = await use('bytes'), { header } = await use('picture');
        return given.map(one => {
          try { const { media_type, width, height } = header(decodeUrl64(one.data)); return [media_type, width, height]; }
          catch (error) { if (error instanceof Wrong) return null; throw error; }
        });
    """
    assert run(visit(), script, RECEIPTS["headers"]) == [one["header"] for one in RECEIPTS["headers"]]


def test_what_is_left_without_content_credentials_is_the_same_in_the_browser(visit: Opener) -> None:
    script = """
        const { decodeUrl64, encodeUrl64 } = await use('bytes'), { bare } = await use('images');
        return given.map(one => encodeUrl64(bare(decodeUrl64(one.data))));
    """
    assert run(visit(), script, RECEIPTS["bare"]) == [one["bare"] for one in RECEIPTS["bare"]]


def test_any_changed_byte_of_receipt_proof_policy_snapshot_or_image_is_false_in_the_browser(visit: Opener) -> None:
    """Every place of the receipt and the proof; of the others every third, and each with another bit."""
    script = f"""{OPEN} const {{ bytes }} = await use('bytes'), whole = open(given), unseen = [];
        let tried = 0;
        const flip = async (name, step, data, put) => {{
          for (let at = 0; at < data.length; at += step) {{
            const changed = data.slice();
            changed[at] ^= 1 << at % 7;
            tried++;
            if ((await verify(put(changed))).ok) unseen.push(`${{name}} ${{at}}`);
          }}
        }};
        const {{ receipt, proof, trust, keys, policy, snapshot }} = whole;
        await flip('receipt', 1, bytes(receipt), changed => ({{ receipt: changed, keys }}));
        await flip('proof', 1, bytes(proof), changed => ({{ receipt, trust, proof: changed }}));
        await flip('policy', 3, bytes(policy), changed => ({{ receipt, policy: changed, snapshot }}));
        await flip('snapshot', 3, bytes(snapshot), changed => ({{ receipt, policy, snapshot: changed }}));
        await flip('image', 3, whole.images['a.png'], changed => ({{ receipt, images: {{ 'a.png': changed }} }}));
        return {{ unseen, tried, untouched: (await verify(whole)).ok }};
    """
    found = run(visit(), script, WHOLE)
    places = len(WHOLE["receipt"]) + len(WHOLE["proof"].encode())
    assert (found["unseen"], found["untouched"]) == ([], True)
    assert found["tried"] > places


def test_a_browser_without_ed25519_proves_nothing_and_says_so(visit: Opener) -> None:
    script = f"""crypto.subtle.importKey = () => Promise.reject(new DOMException('no such name', 'NotSupportedError'));
        {OPEN} const whole = open(given), other = {{ ...whole, images: {{ 'b.png': new Uint8Array(9) }} }};
        return [await verify(whole), await verify(other)].map(({{ ok, lines }}) => ({{ ok, lines }}));
    """
    whole, other = run(visit(), script, WHOLE)
    assert {line["verdict"] for line in whole["lines"]} == {"not checked"}
    assert whole["lines"][0]["detail"] == "This browser cannot check Ed25519."
    # What is false without any signature stays so.
    assert [line["what"] for line in other["lines"] if line["verdict"] == "FALSE"] == ["image b.png"]
    assert (whole["ok"], other["ok"]) == (True, False)


def test_it_runs_in_a_worker_where_there_is_no_page(visit: Opener) -> None:
    page = visit()
    probe = (
        "import { verify } from './verify.js'; onmessage = async ({ data }) => postMessage((await verify(data)).lines);"
    )
    intercept(page, f"**{VERIFY}probe.js", lambda route: route.fulfill(body=probe, content_type="text/javascript"))
    script = f"""const worker = new Worker('{VERIFY}probe.js', {{ type: 'module' }}), {{ decodeUrl64 }} = await use('bytes');
        const answer = new Promise((done, lost) => {{ worker.onmessage = ({{ data }}) => done(data); worker.onerror = lost; }});
        worker.postMessage({{ ...given, images: {{ 'a.png': decodeUrl64(given.images['a.png']) }} }});
        return (await answer).map(l => [l.what, l.verdict, l.detail]);
    """
    assert run(page, script, WHOLE) == WHOLE["lines"]


def test_a_trust_policy_or_key_that_cannot_be_read_is_the_callers_mistake(visit: Opener) -> None:
    script = """
        const { verify } = await use('verify'), { Wrong } = await use('bytes');
        const said = async more => { try { await verify({ receipt: given, ...more }); return ''; } catch (error) { return error instanceof Wrong && error.message; } };
        return [await said({ trust: 'log x' }), await said({ keys: '{}' }), await said({ keys: 'a+b' }), await said({})];
    """
    trust, keys, vkey, none = run(visit(), script, WHOLE["receipt"])
    assert trust.startswith("Line 1 of the policy: A verifier key is")
    assert keys == "The key file has no Ed25519 key in it."
    assert vkey.startswith("A verifier key is")
    assert none == ""


def test_no_receipt_that_anybody_signs_breaks_the_check_and_both_say_the_same(visit: Opener) -> None:
    """Each value of a receipt replaced by others of any kind, signed again; the words may differ where they quote a parser."""
    tried = list(islice(strange_receipts(), 0, None, 2))
    script = f"""{OPEN} const found = [];
        for (const receipt of given.receipts) found.push((await verify({{ ...given.more, receipt }})).lines.map(l => [l.what, l.verdict]));
        return found;
    """
    more = {name: WHOLE[name] for name in ("trust", "policy", "snapshot", "catalogue", "opening")}
    found = run(visit(), script, {"receipts": [body for _, body in tried], "more": more})
    apart = {}
    for (where, body), there in zip(tried, found, strict=True):
        here = [[what, verdict] for what, verdict, _ in make_receipts.lines({**more, "receipt": body})]
        if there != here:
            apart[where] = [pair for pair in zip(here, there, strict=False) if pair[0] != pair[1]]
    assert apart == {}
    assert len(found) > 200
