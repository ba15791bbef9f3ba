"""Being paid from a holdings file and the chain alone: what the chain says, what is to be done, and doing it."""
