"""What is kept: records in SQLite or Postgres, bytes by hash in files or S3, events on a bus, keys in a vault."""
