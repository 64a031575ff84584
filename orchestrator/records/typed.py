"""Types of documents whose keys may be missing, and how they are read, also by Python 3.10."""

import sys

if sys.version_info >= (3, 11):
    from typing import NotRequired, TypedDict, get_type_hints, is_typeddict
else:
    from typing_extensions import NotRequired, TypedDict, get_type_hints, is_typeddict

__all__ = ["NotRequired", "TypedDict", "get_type_hints", "is_typeddict"]
