"""Oblivious HTTP: requests that a hub can carry and not read. Values and bytes only; no sockets, no clocks.

bhttp     an HTTP message as bytes (RFC 9292)
keys      the keys that a node offers (RFC 9458 section 3)
seal      a request and its answer, sealed (RFC 9458 section 4)
chunks    the same in pieces, for what arrives bit by bit (draft-ietf-ohai-chunked-ohttp-06)
padding   few sizes instead of many
"""
