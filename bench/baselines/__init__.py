"""What a figure is held against: each module imports nothing of this project and runs by itself."""
