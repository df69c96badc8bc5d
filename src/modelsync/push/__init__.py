"""Push: the newest states of tracked objects are delivered to applications, and received from others.

`models` has the names that projects import, `delivery` sends, `receiving` takes. What captures changes, and
gives them their versions, is `modelsync.tracking`.
"""
