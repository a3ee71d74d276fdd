"""What the exercise is numbered by."""

VERSION = "2.0"  # of the exercise: in the setup cell of both notebooks, and in their metadata
