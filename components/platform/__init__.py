"""What every other part of the platform stands on: the kinds of objects that it watches."""
