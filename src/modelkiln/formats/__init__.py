"""Renderings of a package other than an image: PEX, scie and ModelPack."""
