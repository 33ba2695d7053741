"""The API server: typed requests, a write-through cache, a work queue and an event recorder."""
