"""Evidence of hardware that a node shows of itself: AWS Nitro documents, and quotes of Intel TDX and SGX.

It says which program a machine runs and that whoever owns it cannot look inside; that the machine holds the keys of the card is
said by what is bound into the evidence. What it does not say stands in docs/concepts/attestation.md. Needs the packages of the
extra `triptych[attest]`; without them nothing is believed.
"""
