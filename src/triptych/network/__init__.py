"""Who signs, and what is signed: the key of this installation, receipts, and how anyone checks them offline; and what a studio, a hub
and a node of the open network have in common: cards, sealed jobs, tokens, a node's receipts, and the comparison of pictures.

`receipt` and `verify` import nothing of the server, the studio or the router, so that a stranger can run them.
"""
