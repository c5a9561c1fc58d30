# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
