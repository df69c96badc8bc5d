"""Django models as a target: one compiled shape per set of columns, two ways to apply it.

`staged` lets the database match, compare and write whole batches; `objects` goes through instances
and `save()`, for user code and for what SQL cannot say. Both do what docs/explanation/semantics.md
says.
"""
