"""A site that receives by django-objectsyncer 1.0.1, as its documentation wants it."""
