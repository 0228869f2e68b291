"""Pictures as hostile bytes: what they are, how large, and guarded decoding in a process of its own."""
