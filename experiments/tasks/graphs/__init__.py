"""Random graphs and their shortest paths in batches, without a Python loop over graphs.

Letters of shapes: ``B`` graphs, ``V`` vertices, ``M`` edges, ``W`` 64-bit words that hold a set of vertices.
"""
