"""What operators see of the service; every module here is a sink of events, or a page."""
