"""Small meshes as files have them."""

CUBE = """v -1 -1 1
v 1 -1 1
v 1 1 1
v -1 1 1
v -1 -1 -1
v 1 -1 -1
v 1 1 -1
v -1 1 -1
f 1 2 3 4
f 2 6 7 3
f 6 5 8 7
f 5 1 4 8
f 4 3 7 8
f 5 6 2 1
"""
MAPPED = """# two materials, an L of six corners, texture coordinates of its own
v 0 0 0
v 2 0 0
v 2 1 0
v 1 1 0
v 1 2 0
v 0 2 0
v 0 0 -1
v 1 0 -1
v 1 1 -1
vt 0 0
vt 1 0
vt 1 0.5
vt 0.5 0.5
vt 0.5 1
vt 0 1
usemtl front
f 1/1 2/2 3/3 4/4 5/5 6/6
usemtl back
f 7/1 9/4 8/2
"""
