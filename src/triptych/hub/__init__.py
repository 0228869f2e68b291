"""The meeting point: signed cards of nodes, their sealed mailboxes, and how much of them anybody may use."""
