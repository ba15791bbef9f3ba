"""What requesters took along from Mechanical Turk before it closed: results, qualification types, blocks, templates, and its workers' ids."""
