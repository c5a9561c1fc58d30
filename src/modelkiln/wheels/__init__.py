"""Reading and writing distributions: wheels, sdists, virtual environments and their tags."""
