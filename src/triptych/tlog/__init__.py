"""The transparency log: what was appended cannot be changed or taken away unseen.

A log is static files in the formats of C2SP: tiles and entry bundles (tlog-tiles), signed checkpoints (tlog-checkpoint,
signed-note), cosignatures of witnesses (tlog-cosignature, tlog-witness), self-contained proofs (tlog-proof) and trust
policies (tlog-policy). The modules that verify (`errors`, `text`, `merkle`, `note`, `checkpoint`, `policy`, `proof`,
`tiles`, `client`) import nothing of Triptych but each other, so that a stranger can run them.
"""
