"""The suites of `modelsync.testing`, run over everything that the package ships."""
