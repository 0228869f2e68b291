"""The one HTTP client: values in, values out, one deadline, guarded downloads, redaction."""
