"""JSON-RPC, the contracts' builds and their deployments."""
