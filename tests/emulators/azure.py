"""OpenAI's images at a resource at Azure: the same bodies, other addresses, another header for the key, other errors.

Source: `lib/azure.py` of openai-python 3.52 (addresses, `api-version`, `api-key`), the vendor's pages on content filters and on
DALL-E (the error inside of the error), as of 2026-11. The words of other errors are as users have quoted them.
"""

import re
from dataclasses import replace
from typing import Any, ClassVar

from tests.emulators.base import EPOCH, Call, Form, Refuse, Reply, json_reply
from tests.emulators.openai_images import OpenAI
from tests.emulators.scenario import PICTURE_KINDS, STATUS_KINDS, STREAM_KINDS, Kind

ADDRESS = re.compile(r"/openai/(?:v1|deployments/(?P<deployment>[^/]+))/images/(?P<deed>generations|edits)")
NO_KEY = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active "
    "subscription and use a correct regional API endpoint for your resource."
)
NO_DEPLOYMENT = (
    "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait "
    "a moment and try again."
)
SEEN = {
    "hate": {"filtered": False, "severity": "safe"},
    "self_harm": {"filtered": False, "severity": "safe"},
    "sexual": {"filtered": False, "severity": "safe"},
    "violence": {"filtered": True, "severity": "medium"},
    "jailbreak": {"filtered": False, "detected": False},
}


class Azure(OpenAI):
    """Both ways: `/openai/v1` with the deployment in the body, and `/openai/deployments/NAME` with `api-version`."""

    name = "azure"
    base_path = "/openai/v1"
    key = "0123456789abcdef0123456789abcdef"
    key_env = "AZURE_OPENAI_API_KEY"
    base_env = "TRIPTYCH_AZURE_BASE_URL"
    hue = 0.58
    kinds = STATUS_KINDS | PICTURE_KINDS | STREAM_KINDS | {Kind.MODERATION_INPUT, Kind.MODERATION_FREE, Kind.EMPTY_DATA}
    deployments: ClassVar[dict[str, str]] = {"my-deployment": "gpt-image-2", "old one": "gpt-image-1.5"}
    versions = frozenset({"2025-04-01-preview", "preview"})

    @property
    def older_url(self) -> str:
        """The base of the addresses that name the deployment."""
        return f"{self.url}/openai"

    def step(self, method: str, path: str) -> str:
        if method == "POST" and ADDRESS.fullmatch(path):
            return "submit"
        return "models" if method == "GET" and path in ("/openai/models", "/openai/v1/models") else ""

    def answer(self, call: Call) -> Reply:
        if call.headers.get("api-key") != self.key or call.kind is Kind.WRONG_KEY:
            raise plain(401, "401", NO_KEY)
        if not call.path.startswith("/openai/v1/") and call.recorded.query.get("api-version") not in self.versions:
            raise plain(404, "404", "Resource not found")
        self._refused(call)
        if call.recorded.step == "models":
            rows = [{"id": name, "object": "model", "created_at": EPOCH} for name in sorted(self.deployments.values())]
            return json_reply({"object": "list", "data": rows})
        return super().answer(self._as_openai(call))

    def _authenticate(self, call: Call) -> None:
        """It was, by another header."""

    def _as_openai(self, call: Call) -> Call:
        """The same request with the model in the place of its deployment."""
        found = ADDRESS.fullmatch(call.path)
        form = call.body if isinstance(call.body, Form) else None
        named = form.get("model") if form else dict(call.body or {}).get("model")
        asked = found["deployment"] if found and found["deployment"] else named
        model = self.deployments.get(str(asked))
        if found is None or model is None or call.kind is Kind.UNKNOWN_MODEL:
            raise plain(404, "DeploymentNotFound", NO_DEPLOYMENT)
        body: Any = {**call.body, "model": model} if form is None else None
        if form is not None:
            fields = tuple(field for field in form.fields if field[0] != "model")
            body = Form((("model", model), *fields), form.files)
        return replace(call, recorded=replace(call.recorded, body=body, path=f"/v1/images/{found['deed']}"))

    @staticmethod
    def _refused(call: Call) -> None:
        if call.kind is Kind.RATE_LIMIT:
            wait = call.hint(26) or 0
            text = (
                "Requests to the ImageGenerations_Create Operation under Azure OpenAI API have exceeded call rate limit of "
                f"your current OpenAI S0 pricing tier. Please retry after {wait:g} seconds."
            )
            raise plain(429, "429", text, {"retry-after": f"{wait:g}"})
        if call.kind is Kind.FORBIDDEN:
            raise plain(403, "403", "Access denied due to Virtual Network/Firewall rules.")
        if call.kind not in (Kind.MODERATION_INPUT, Kind.MODERATION_FREE):
            return
        prompt = call.kind is Kind.MODERATION_INPUT
        named = ("innererror", "content_filter_result") if prompt else ("inner_error", "content_filter_results")
        said = {
            "code": "content_filter" if prompt else "contentFilter",
            "message": "Your task failed as a result of our safety system.",
            "param": "prompt",
            "type": None,
            named[0]: {"code": "ResponsibleAIPolicyViolation", named[1]: SEEN},
        }
        raise Refuse(json_reply({"error": said}, 400))


def plain(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Refuse:
    return Refuse(json_reply({"error": {"code": code, "message": message}}, status, headers))
