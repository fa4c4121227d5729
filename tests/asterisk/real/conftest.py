from tests.lab.fixtures import pbx, phones, prefix

__all__ = ["pbx", "phones", "prefix"]
