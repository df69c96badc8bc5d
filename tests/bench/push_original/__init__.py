"""A project of django-objectsyncer: it looks for its models in the app `centralhub`.

This folder goes onto the path of its process.
"""
