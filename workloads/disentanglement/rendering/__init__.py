"""A small renderer of stand-in images: triangles with a depth buffer, rays into a room, outlines in the plane.

All of it is NumPy in double precision, without a random number and without a matrix product of a library: an image
depends on its factors alone, whichever process makes it.
"""
