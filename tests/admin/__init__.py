"""The admin's pages, in a process of their own: the other tests run without Django's admin."""
