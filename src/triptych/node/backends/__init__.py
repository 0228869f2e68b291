"""What draws on a node: the painters that come with the program, or an engine that runs beside it."""
