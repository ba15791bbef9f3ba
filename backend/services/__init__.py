"""What the coordinator does, unaware of HTTP. Every change is one function handed to the store's writer."""
