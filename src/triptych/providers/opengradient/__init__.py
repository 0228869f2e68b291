"""OpenGradient, experimental: pictures through an enclave, asked sealed, answers checked before anything of them is shown."""

from triptych.providers.opengradient.adapter import ADAPTER, OpenGradient
from triptych.providers.opengradient.sealed import SealedTransport

__all__ = ["ADAPTER", "OpenGradient", "SealedTransport"]
