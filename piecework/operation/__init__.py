"""What every program that runs for long says of itself: lines of a log, and numbers for Prometheus."""
