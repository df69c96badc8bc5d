"""The mirror: the whole input is staged, then compared with the tables and written as one difference.

It is for pulling from another Django, where objects are known by their primary keys, name one another in
any order, and the input as a whole says what a table shall hold. `target.py` is the way in.
"""
