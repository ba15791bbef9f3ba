"""The HTTP API: reads requests, asks the services, writes answers. It decides nothing."""
