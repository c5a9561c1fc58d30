"""The weights lock: selecting, reading, grouping and checking files."""
