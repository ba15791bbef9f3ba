"""Batches as Mechanical Turk's requester pages had them: a page with variables and a CSV in, the same results CSV out."""
