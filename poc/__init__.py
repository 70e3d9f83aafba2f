"""What for: a use case run through kit, turned into a decision and a thing to click."""
