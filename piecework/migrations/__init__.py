"""How a database comes from any earlier version's tables to this one's, on SQLite and on PostgreSQL.

Indexer and coordinator are two rooms that meet in tables, so there are two lines of revisions, each with a version table of its own:
`mirror` and `coordinator`. A revision says its DDL in plain SQL types and never looks at the models, so it stays what it was.
"""
