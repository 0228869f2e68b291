"""One script for each schema, oldest first. A published script is never changed."""
