"""Payment by x402, an optional extra (`triptych[x402]`): a picture is paid for by an answer to HTTP status 402, and asked to be paid so.

Version 2 of the protocol, scheme `exact` over EIP-3009: the payer signs one transfer of one amount to one address, and a facilitator
carries it to the chain. Of Triptych, `app.pricing` and `app.paying` alone import this package: a node asks a price by the first, a studio
pays it by the second, inside the seal. Whoever wants it elsewhere puts `payer.PayingTransport` around a client's
transport, or `door.PaidDoor` around a server. It holds no chain and no wallet of its own: facilitator, key and memory are handed in.
"""
