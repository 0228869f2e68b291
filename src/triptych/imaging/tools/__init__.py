"""Jobs that are done with a finished picture on this machine: more pixels, or its subject alone. Each in a process of its own."""
