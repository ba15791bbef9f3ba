"""The coordinator: serves a job's content, hands out assignments, signs receipts, and carries approved batches to the chain."""
