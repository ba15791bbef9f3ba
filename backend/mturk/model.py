"""The interface's own model, as botocore ships it, used to read requests.

botocore checks types, required members and minimums in the client; patterns, maximums and enumerations reach the server unchecked,
and other signers check nothing. Everything is checked here, so that an operation only sees what the model allows.
"""

import math
import re
from datetime import UTC, datetime
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, ServiceModel, Shape, StructureShape

from backend.mturk.errors import RequestError, invalid

TARGET = "MTurkRequesterServiceV20170117"
_NUMBERS = {"integer": 2**31, "long": 2**63}
_LATEST = 253_402_300_799
"""The last second of the year 9999."""


@cache
def service() -> ServiceModel:
    """The model of 2017-01-17."""
    return ServiceModel(Loader().load_service_model("mturk", "service-2", "2017-01-17"), "mturk")


@cache
def operations() -> frozenset[str]:
    """The names of all operations."""
    return frozenset(service().operation_names)


def read(operation: str, body: Any) -> dict[str, Any]:
    """The request's members, checked, timestamps as aware datetimes; unknown members are left out.

    Raises:
        RequestError: something is missing, of the wrong type, or outside of what the model allows; the sentence names it.
    """
    shape = service().operation_model(operation).input_shape
    value: dict[str, Any] = _read(shape, body, "") if shape is not None else {}
    return value


def _read(shape: Shape, value: Any, path: str) -> Any:
    if isinstance(shape, StructureShape):
        return _structure(shape, value, path)
    if isinstance(shape, ListShape):
        return _list(shape, value, path)
    return _SCALARS[shape.type_name](shape, value, path)


def _structure(shape: StructureShape, value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid(f"{path or 'The request'} must be a JSON object.")
    lacking = [name for name in shape.required_members if value.get(name) is None]
    if lacking:
        raise RequestError("ParameterMissing", f"{_under(path, lacking[0])} is required.")
    return {
        name: _read(member, value[name], _under(path, name))
        for name, member in shape.members.items()
        if value.get(name) is not None
    }


def _list(shape: ListShape, value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise invalid(f"{path} must be a list.")
    return [_read(shape.member, item, f"{path}[{number}]") for number, item in enumerate(value)]


def _string(shape: Shape, value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise invalid(f"{path} must be a string.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid(f"{path} holds half a character (a lone surrogate).") from None
    if "\0" in value:
        raise invalid(f"{path} holds a NUL character.")
    rules = shape.metadata
    if not rules.get("min", 0) <= len(value) <= rules.get("max", len(value)):
        raise invalid(f"{path} must have {rules.get('min', 0)} to {rules.get('max')} characters; this has {len(value)}.")
    if "enum" in rules and value not in rules["enum"]:
        raise invalid(f"{path} must be one of {', '.join(rules['enum'])}; this is '{_short(value)}'.")
    if "pattern" in rules and not _pattern(rules["pattern"]).fullmatch(value):
        raise invalid(f"The value '{_short(value)}' of {path} is not valid: it must match {rules['pattern']}.")
    return value


def _number(shape: Shape, value: Any, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(f"{path} must be a whole number.")
    bound = _NUMBERS[shape.type_name]
    least, most = shape.metadata.get("min", -bound), shape.metadata.get("max", bound - 1)
    if not least <= value <= most:
        raise invalid(f"{path} must be from {least} to {most}; this is {value}.")
    return value


def _boolean(shape: Shape, value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise invalid(f"{path} must be true or false.")
    return value


def _timestamp(shape: Shape, value: Any, path: str) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value <= _LATEST:
        raise invalid(f"{path} must be a time in Unix seconds.")
    return datetime.fromtimestamp(value, UTC)


_SCALARS = {
    "string": _string,
    "integer": _number,
    "long": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
}


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text.removeprefix("^").removesuffix("$"), re.ASCII)


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _short(value: str) -> str:
    return value if len(value) <= 80 else value[:79] + "…"
