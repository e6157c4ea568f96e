"""What operators see of the service: sinks of events."""
