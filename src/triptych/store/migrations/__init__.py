"""The migration scripts, run by `triptych.store.schema`."""
