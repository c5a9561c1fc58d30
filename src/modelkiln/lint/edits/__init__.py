"""Edits of files that make a finding go away: stated only where what they do is known for sure."""
