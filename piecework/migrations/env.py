"""Run by alembic for every command: says which connection to work on. The transaction is the caller's."""

from alembic import context

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    version_table=attributes["version_table"],
    target_metadata=attributes.get("target_metadata"),
    render_item=attributes.get("render_item"),
    process_revision_directives=attributes.get("process"),
    render_as_batch=True,  # SQLite can alter little about a table that is there
)
context.run_migrations()
