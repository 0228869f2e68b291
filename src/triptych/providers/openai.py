"""OpenAI's own image models: generations as JSON, edits as a form with mask, previews as a stream.

Source: openai-python 3.52.0, read 2026-11-20.
"""

from triptych.provider_kit.adapter import Auth
from triptych.provider_kit.openai_images import OpenAIImages, Quirks

ADAPTER = OpenAIImages(
    provider="openai",
    base_url="https://api.openai.com/v1",
    auth=Auth(
        env=("OPENAI_API_KEY",),
        key_pattern=r"sk-",
        sign_up="https://platform.openai.com/api-keys",
    ),
    quirks=Quirks(
        fields=frozenset({"moderation", "user", "output_compression"}),
        response_format=None,  # GPT image models refuse the field and always answer with base64
        edits="brackets",
        user_field="safety_identifier",
    ),
)
