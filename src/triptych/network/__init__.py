"""Who signs, and what is signed: the key of this installation, receipts, and how anyone checks them offline.

`receipt` and `verify` import nothing of the server, the studio or the router, so that a stranger can run them.
"""
