"""What a hub says when a sealed request cannot be handed on. It never knows what was asked, so it never says."""

from triptych.spec.errors import AmbiguousError, ConflictError, OverloadedError


class NodeAwayError(OverloadedError):
    """The node never took the message: sending it again, here or elsewhere, is safe."""

    code = "node_away"


class NodeSilentError(AmbiguousError):
    """The node took the message and gave no whole answer: it may have drawn the picture."""

    code = "node_silent"


class SupersededError(ConflictError):
    """A newer start of the same node fetches its messages now: one key, one connection."""

    code = "superseded"
