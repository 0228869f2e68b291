"""The values every other room speaks in. Standard library only; nothing here does I/O."""
