"""The studio's use cases without HTTP: plans, runs, tiles, pictures."""
