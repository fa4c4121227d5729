from tests.lab.fixtures import lab, pbx, phones, prefix

__all__ = ["lab", "pbx", "phones", "prefix"]
