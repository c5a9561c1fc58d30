"""Renderings of a package beside an image: PEX, scie and ModelPack."""
