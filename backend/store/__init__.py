"""The coordinator's own tables, its one writer, and its content files."""
