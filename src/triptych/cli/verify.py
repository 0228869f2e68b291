"""`triptych verify`: checks a receipt offline, with nothing but files."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from triptych.cli.evidence_files import kind_of, read_evidence
from triptych.cli.log_source import with_log
from triptych.cli.output import Exit, json_errors, out, print_json
from triptych.imaging.credentials import installed
from triptych.imaging.workshop import Workshop
from triptych.network.evidence import RequestFor
from triptych.network.jose import decode_url64, kid_of
from triptych.network.verify import Evidence, Report, Verdict, verify
from triptych.network.verify_node import verify_node
from triptych.router.bundle import read_bundle
from triptych.router.claims import claims
from triptych.router.derive import derive, outcomes_in
from triptych.router.rerun import rerun_from
from triptych.router.sealed import unseal
from triptych.spec.clock import SystemClock
from triptych.spec.errors import BadRequestError, HostileContentError, SettingsError
from triptych.spec.price import estimate
from triptych.spec.routing import Candidate, Features
from triptych.spec.words import counted, utc
from triptych.studio.terms import tile_nonce
from triptych.tlog.errors import NoteError, TrustError
from triptych.tlog.note import VerifierKey
from triptych.tlog.policy import TrustPolicy

STYLES = {"proved": "green", "not checked": "yellow", "FALSE": "bold red"}
_TILES = 64  # of one run; each has its own draw
NOBODYS = "Whose key this is was not checked: this shows only that the files agree."


def keys_in(data: bytes) -> tuple[bytes, ...]:
    """The public keys in a file: a JWK, a JWK set, or verifier keys of signed notes, one a line. Raises
    BadRequestError."""
    try:
        raw: Any = msgspec.json.decode(data)
    except msgspec.DecodeError:
        raw = None
    if isinstance(raw, dict):
        listed = raw.get("keys", [raw])
        found = [decode_url64(str(one.get("x"))) for one in listed if isinstance(one, dict)]
        keys = [key for key in found if key is not None and len(key) == 32]
        if keys and len(keys) == len(listed):
            return tuple(keys)
    else:
        try:
            lines = [VerifierKey.parse(line) for line in data.decode().split()]
        except (NoteError, UnicodeDecodeError):
            lines = []
        if lines:
            return tuple(line.public for line in lines)
    raise BadRequestError("The key file has no Ed25519 key in it.", param="key",
                          hint="It takes a JWK, a JWK set, or verifier keys like name+id+key.")  # fmt: skip


def redecide(stated: Mapping[str, Any], policy: bytes, snapshot: bytes) -> Sequence[str]:
    """Computes the decision of a receipt again; returns in words what is not as stated."""
    try:
        features = msgspec.convert(stated["features"], Features)
        listed = msgspec.convert(stated["candidates"], tuple[Candidate, ...])
        again = rerun_from(read_bundle(policy), unseal(snapshot), features, str(stated["nonce"]))
    except (SettingsError, BadRequestError, msgspec.ValidationError, KeyError) as error:
        return [f"it cannot be computed: {error}"]
    differences = []
    if again.taken_ms != stated.get("taken_ms"):
        differences.append(f"the snapshot is of {utc(again.taken_ms)}, and it was decided on {_moment(stated)}")
    if again.policy != stated.get("policy"):
        differences.append(f"the policy is {again.policy} and not {stated.get('policy')}")
    picked = again.order[0] if again.order else None
    if picked != stated.get("picked"):
        differences.append(f"{picked or 'nobody'} is first and not {stated.get('picked') or 'nobody'}")
    now = {candidate.endpoint: candidate for candidate in again.candidates}
    differences += [f"{one.endpoint} is not as stated" for one in listed if now.pop(one.endpoint, None) != one]
    others = sum(one.reason == "other_model" for one in now.values())
    if (others, len(now) - others) != (stated.get("other_models"), stated.get("not_listed")):
        differences.append(f"{counted(len(now), 'endpoint')} took part that the receipt does not count so")
    return differences


def _moment(stated: Mapping[str, Any]) -> str:
    taken = stated.get("taken_ms")
    return utc(taken) if isinstance(taken, int) else "no date"


def rederive(snapshot: bytes, payloads: Iterable[Mapping[str, Any]]) -> tuple[Verdict, str]:
    """Counts again what a snapshot says of success and time, from the outcomes in the log."""
    try:
        seen = unseal(snapshot)
        found = derive(outcomes_in(payloads, seen.epoch), seen)
    except BadRequestError as error:
        return "not checked", error.message
    if found.differences:
        return "FALSE", f"The snapshot is not what the log comes to: {'; '.join(found.differences[:5])}."
    if found.missing:
        first, last = found.missing[0]
        return "not checked", (f"The log does not have every event that the snapshot counts: number {first} to {last} of that start "
                               "of the router. They come with their receipts; what is lost when a program is killed stays "
                               "missing, and its next start counts anew.")  # fmt: skip
    return found.verdict, found.why or "What the snapshot says of success and time is what the log's outcomes come to."


def reclaim(
    stated: Mapping[str, Any], snapshot: bytes, catalogue: bytes, request_for: RequestFor
) -> tuple[Verdict, str]:
    """Compares what a snapshot says of each endpoint with the published catalogue."""
    try:
        features = msgspec.convert(stated.get("features"), Features)
        found = claims(unseal(snapshot), catalogue, features, request_for, estimate)
    except (BadRequestError, msgspec.ValidationError):
        return "not checked", "The snapshot, the catalogue, or what was decided about cannot be read."
    if found.wrong:
        return "FALSE", f"The snapshot is not what the catalogue says: {'; '.join(found.wrong[:5])}."
    endpoints = counted(found.checked, "endpoint")
    if found.unpriced:
        return "not checked", (f"Lanes, data policies and limits of {endpoints} are the catalogue's; the price "
                               f"of {', '.join(found.unpriced[:5])} cannot be computed again.")  # fmt: skip
    return "proved", f"Lanes, data policies, limits and prices of {endpoints} are those of the catalogue."


def credentials_of(data: bytes) -> Mapping[str, Any] | str:
    """What the content credentials of a file say, read in a guarded process; in words why, where they cannot be read."""
    if not installed():
        return 'install the extra "c2pa" (c2pa-python) to read them.'

    async def read() -> Mapping[str, Any]:
        workshop = Workshop(processes=1)
        try:
            return await workshop.read_credentials(data)
        finally:
            await workshop.close()

    try:
        return asyncio.run(read())
    except HostileContentError as error:
        return error.message


def report_json(report: Report) -> dict[str, Any]:
    """A report for programs."""
    payload = None if report.receipt is None else report.receipt.payload
    return {"ok": report.ok, "lines": report.lines, "cannot_be_proved": report.unprovable, "receipt": payload}


def summary(report: Report) -> str:
    """The last line, for somebody who reads no other."""
    number = Counter(line.verdict for line in report.lines)
    if wrong := number["FALSE"]:
        return f"FALSE: {counted(wrong, 'line')}. Do not rely on this receipt."
    said = f"Nothing is FALSE: {number['proved']} proved, {number['not checked']} not checked."
    known = any((line.what, line.verdict) == ("signer", "proved") for line in report.lines)
    return said if known else f"{said} {NOBODYS}"


def show(report: Report) -> None:
    """A report for people."""
    width = max(len(line.what) for line in report.lines)
    for line in report.lines:
        out.print(Text.assemble((f"{line.verdict:<12}", STYLES[line.verdict]), f"{line.what:<{width}}  {line.detail}"))
    out.print("\nNo receipt can prove:")
    for said in report.unprovable:
        out.print(Text(f"  {said}", "dim"))
    out.print(Text(f"\n{summary(report)}", "bold" if report.ok else STYLES["FALSE"]))


def policies(files: Sequence[Path]) -> tuple[TrustPolicy | None, bytes | None]:
    """A trust policy for the log and a routing policy, told apart by what they look like. Raises BadRequestError."""
    trust, routing = None, None
    for path in files:
        data = read_evidence(path, "policy", "trust", "policy")
        twice = f"{path} is another {{}} policy; one is taken."
        if data.lstrip().startswith(b"{"):
            if routing is not None:
                raise BadRequestError(twice.format("routing"), param="policy")
            routing = data
            continue
        if trust is not None:
            raise BadRequestError(twice.format("trust"), param="policy")
        try:
            trust = TrustPolicy.parse(data.decode())
        except (TrustError, UnicodeDecodeError) as error:
            raise BadRequestError(f"{path} is no trust policy: {error}", param="policy") from None
    return trust, routing


def _one_kind(others: Mapping[str, object], *, by_node: bool) -> None:
    """Raises BadRequestError for an option that does not go with this kind of receipt."""
    if (name := next((name for name, value in others.items() if value), None)) is not None:
        whose = "a node" if by_node else "a router"
        raise BadRequestError(f"This is the receipt of {whose}, and --{name} is not for those.", param=name)


def _trusted(keys: Iterable[bytes], node: str | None) -> set[str]:
    """The ids of the nodes that are trusted. Raises BadRequestError for what is no whole id."""
    if node is not None and len(decode_url64(node) or b"") != 32:
        raise BadRequestError("--node takes the whole id of a node, 43 letters.", param="node",
                              hint="`triptych node --id` shows it to its owner.")  # fmt: skip
    return {*map(kid_of, keys), *([] if node is None else [node])}


def check_receipt(
    receipt: Annotated[Path, typer.Argument(help="The receipt, as it was given out.")],
    images: Annotated[list[Path] | None, typer.Argument(help="Pictures it is about.", show_default=False)] = None,
    proof: Annotated[Path | None, typer.Option(help="Proof that the log has it.", show_default=False)] = None,
    policy: Annotated[
        list[Path] | None,
        typer.Option(
            help="Trust policy of the log, or the routing policy (JSON); may be given twice.", show_default=False
        ),
    ] = None,
    snapshot: Annotated[Path | None, typer.Option(help="Snapshot that it names.", show_default=False)] = None,
    key: Annotated[Path | None, typer.Option(help="Public key that you trust.", show_default=False)] = None,
    catalogue: Annotated[
        Path | None, typer.Option(help="Catalogue that the routing policy names.", show_default=False)
    ] = None,
    log: Annotated[
        str | None,
        typer.Option(help="The whole log: its folder or its address; brings the rest, too.", show_default=False),
    ] = None,
    opening: Annotated[Path | None, typer.Option(help="What opens the request.", show_default=False)] = None,
    nonce: Annotated[
        str | None, typer.Option(help="What you gave as nonce with the request.", show_default=False)
    ] = None,
    node: Annotated[
        str | None, typer.Option(metavar="ID", help="Node that you trust, where a node signed.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Checks a receipt offline: what is proved, what was not checked, what is FALSE. Exit code 1 if anything is FALSE."""
    with json_errors(as_json):
        data = read_evidence(receipt, "receipt", "receipt", "node receipt")
        pictures = {str(path): read_evidence(path, "images", "picture") for path in images or ()}
        keys = keys_in(read_evidence(key, "key", "key")) if key else ()
        by_node = kind_of(data) == "node receipt"
        _one_kind({"node": node} if not by_node else {
            "proof": proof, "policy": policy, "snapshot": snapshot, "catalogue": catalogue, "log": log, "opening": opening, "nonce": nonce,
        }, by_node=by_node)  # fmt: skip
        trust, routing = policies(policy or ())
        evidence = Evidence(
            receipt=data, images=pictures, keys=keys, trust=trust, policy=routing, redecide=redecide, rederive=rederive, reclaim=reclaim,
            proof=read_evidence(proof, "proof", "proof") if proof else None,
            snapshot=read_evidence(snapshot, "snapshot", "snapshot") if snapshot else None,
            catalogue=read_evidence(catalogue, "catalogue", "catalogue") if catalogue else None,
            opening=read_evidence(opening, "opening", "opening") if opening else None,
            nonces=(nonce, *(tile_nonce(nonce, position) for position in range(_TILES))) if nonce else (),
            credentials=credentials_of,
        )  # fmt: skip
        if by_node:
            report = verify_node(data, pictures, _trusted(keys, node))
        else:
            report = verify(asyncio.run(with_log(evidence, log, SystemClock())) if log else evidence)
    if as_json:
        print_json(report_json(report))
    else:
        show(report)
    raise typer.Exit(Exit.OK if report.ok else Exit.ERROR)
