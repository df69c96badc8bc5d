"""A site that pushes with the original django-objectsyncer, which wants its models in an app of this name."""
