"""Other libraries' objects, made to cross the boundary.

community.py   langchain-community's models, vector stores and loaders (the extra `community`)
"""
