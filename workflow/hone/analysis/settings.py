"""What all settings have in common: strict types, no unknown keys, errors in plain words."""

import json
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin

from annotated_types import Ge, Gt, Len
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    WrapValidator,
    model_validator,
)
from pydantic_core import CoreSchema, ErrorDetails, InitErrorDetails, PydanticCustomError
from pydantic_core.core_schema import (
    no_info_plain_validator_function,
    plain_serializer_function_ser_schema,
    union_schema,
)

from hone.errors import did_you_mean

__all__ = [
    "AsWhole",
    "Family",
    "NonNegative",
    "Plain",
    "Positive",
    "Settings",
    "Text",
    "either",
    "one_of",
    "plain",
    "problems",
    "refuse",
    "refuse_all",
    "unique",
]


def refuse(text: str, *where: str | int) -> ValidationError:
    """An error in a setting, to be raised while it is validated.

    Args:
        text: what is wrong, and what is allowed.
        where: keys and indices that lead to the setting from the one being validated.
    """
    return ValidationError.from_exception_data("settings", [_line(text, where, None)])


def refuse_all(found: Iterable[tuple[str, str]]) -> None:
    """Raise one error for all problems of an object, if there are any.

    Args:
        found: of each problem the key of the setting (empty for the object), and what is wrong.
    """
    lines = [_line(text, (key,) if key else (), None) for key, text in found]
    if lines:
        raise ValidationError.from_exception_data("settings", lines)


def problems(error: ValidationError, whole: str = "the config") -> Iterator[str]:
    """The lines of an error: each with the place of the setting.

    Args:
        error: of pydantic.
        whole: what is wrong where no single setting is.
    """
    for line in error.errors(include_url=False):
        where, place = "", line["loc"]
        # A key that is wrong stands in the message.
        for part in place[:-2] if place[-1:] == ("[key]",) else place:
            where += f"[{part}]" if isinstance(part, int) else f".{part}"
        yield f"{where.removeprefix('.') or whole}: {line['msg']}"


Plain = dict[str, Any]
"""Settings as they stand in YAML or JSON: a mapping of text, numbers, lists and mappings."""


def plain(settings: "Settings") -> Plain:
    """Settings as they stand in YAML or JSON, with all defaults."""
    return settings.model_dump(by_alias=True, exclude_none=True)


class Settings(BaseModel):
    """A mapping of the config. Text is no number, and 20.0 is the integer 20."""

    # Built when it is used: one validator of a whole analysis, not one of each of its parts.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    @model_validator(mode="wrap")
    @classmethod
    def _in_words(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        given = value if isinstance(value, dict) else {}
        required = {f.alias or name for name, f in cls.model_fields.items() if f.is_required()}
        empty = [key for key, content in given.items() if content is None]
        lines = [
            _line(
                f"has no value; give one{'' if key in required else ', or leave it out'}",
                (key,),
                None,
            )
            for key in empty
        ]
        try:
            made = handler({k: v for k, v in given.items() if v is not None} if given else value)
            if not lines:
                return made
        except ValidationError as error:
            lines += [
                cls._explained(line)
                for line in error.errors(include_url=False)
                if not (line["type"] == "missing" and line["loc"][0] in empty)
            ]
        raise ValidationError.from_exception_data(cls.__name__, lines)

    @classmethod
    def settings(cls) -> list[str]:
        """What a mapping of this kind may contain, as it is written in a config."""
        return [field.alias or name for name, field in cls.model_fields.items()]

    @classmethod
    def _explained(cls, line: ErrorDetails) -> InitErrorDetails:
        place = line["loc"]
        if line["type"] == "extra_forbidden" and len(place) == 1:
            return _line(cls._unknown(str(place[0])), (), line["input"])
        if line["type"] == "missing" and len(place) == 1:
            return _line(f"{place[0]!r} is missing", (), line["input"])
        return _line(_words(line), place, line["input"])

    @classmethod
    def _unknown(cls, key: str) -> str:
        known = cls.settings()
        hint = did_you_mean(key, known) or f"allowed are {', '.join(known)}"
        return f"unknown setting {key!r}; {hint}"


class Family(Settings):
    """A mapping of one of several kinds: a class each, found by what the mapping contains.

    A direct subclass is the family, and says in ``tag`` which key tells its kinds apart. A kind is
    a subclass of it that has that key as a ``Literal``, or (without a tag) defines :meth:`fits` and
    :meth:`called`.
    """

    tag: ClassVar[str] = ""

    @classmethod
    def kinds(cls) -> list[type[Self]]:
        """The kinds of this family, in the order in which they are defined."""
        family = next(c for c in cls.__mro__ if Family in c.__bases__)
        found: list[type[Self]] = []
        waiting: list[type[Any]] = family.__subclasses__()
        while waiting:
            kind = waiting.pop(0)
            if kind._is_told_apart():
                found.append(kind)
            waiting = kind.__subclasses__() + waiting
        return list(dict.fromkeys(found))

    @classmethod
    def _is_told_apart(cls) -> bool:
        """Whether it is a kind, not a class that several kinds have in common."""
        if not cls.tag:
            return "called" in vars(cls)
        return get_origin(cls.model_fields[cls.tag].annotation) is Literal

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Values of the key that tells kinds apart, for this kind."""
        return get_args(cls.model_fields[cls.tag].annotation)

    @classmethod
    def fits(cls, entry: Plain) -> bool:
        """Whether an entry is of this kind."""
        return entry.get(cls.tag) in cls.names()

    @classmethod
    def checked(cls, entry: Any) -> Self:
        """The entry as settings of its kind.

        Raises:
            ValidationError: it is of no kind, or not valid.
        """
        if isinstance(entry, cls):
            return entry
        if not isinstance(entry, dict):
            raise refuse(f"{_shown(entry)} is not of type mapping")
        if cls.tag and cls.tag not in entry:
            raise refuse(f"{cls.tag!r} is missing")
        found = [kind for kind in cls.kinds() if kind.fits(entry)]
        if not found:
            allowed = dict.fromkeys(name for kind in cls.kinds() for name in kind.names())
            shown = f"{_shown(entry[cls.tag])} is not allowed; allowed are {', '.join(allowed)}"
            raise refuse(shown, cls.tag)
        return found[0].model_validate(entry)

    @classmethod
    def _unknown(cls, key: str) -> str:
        if any(key in kind.settings() for kind in cls.kinds()):
            return f"{key!r} does not apply to {cls.called()}; remove it"
        return super()._unknown(key)

    @classmethod
    def called(cls) -> str:
        """What messages call an entry of this kind."""
        return repr(cls.names()[0])


class one_of:  # noqa: N801 -- an annotation, written as pydantic's own
    """Annotation of a field: an entry of a family, of any of its kinds."""

    def __init__(self, family: type[Family]) -> None:
        self.family = family

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # The union is for the JSON schema; kinds that are defined later are checked all the same.
        return no_info_plain_validator_function(
            self.family.checked,
            json_schema_input_schema=union_schema(
                [handler.generate_schema(kind) for kind in self.family.kinds()]
            ),
            serialization=plain_serializer_function_ser_schema(plain),
        )


def either(allowed: str) -> WrapValidator:
    """Annotation of a field that may be of several types, described in words."""

    def check(value: Any, handler: Any) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise refuse(f"{_shown(value)} is not allowed; allowed are {allowed}") from None

    return WrapValidator(check)


def unique(values: list[Any]) -> list[Any]:
    """The list, if it has nothing twice.

    Raises:
        ValidationError: it has.
    """
    twice = [value for value in values if values.count(value) > 1]
    if twice:
        raise refuse(f"{_shown(twice[0])} is listed more than once")
    return values


def _whole(value: Any) -> Any:
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**63
    return int(value) if whole else value


AsWhole = BeforeValidator(_whole)
"""Annotation of an integer, which may be written as 20.0; limits stand before it."""
Positive = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
Text = Annotated[str, Len(1)]

_TYPES = {
    "float": "number", "int": "integer", "string": "string", "bool": "boolean", "list": "list",
    "dict": "mapping", "model": "mapping",
}  # fmt: skip
_LIMITS = {
    "greater_than_equal": ("ge", "must be at least"),
    "less_than_equal": ("le", "must be at most"),
    "greater_than": ("gt", "must be above"),
    "less_than": ("lt", "must be below"),
    "too_short": ("min_length", "must have at least this many entries:"),
    "too_long": ("max_length", "must have at most this many entries:"),
}


def _words(line: ErrorDetails) -> str:
    """An error of pydantic as we say it."""
    kind, got, context = line["type"], _shown(line["input"]), line.get("ctx", {})
    if kind == "setting":
        return line["msg"]
    if kind == "literal_error":
        allowed = context["expected"].replace(" or ", ", ").replace("'", "")
        return f"{got} is not allowed; allowed are {allowed}"
    if kind in _LIMITS:
        key, words = _LIMITS[kind]
        limit = context[key]
        return f"{got} {words} {limit:g}" if isinstance(limit, float) else f"{got} {words} {limit}"
    if kind == "string_too_short":
        return "must not be empty"
    if kind == "string_pattern_mismatch":
        return f"{got} is not a valid name: letters, digits and `_` only"
    wanted = _TYPES.get(kind.rpartition("_type")[0] or kind.partition("_")[0])
    if wanted is None:
        return f"{got}: {line['msg']}"
    hint = ""
    if wanted in ("number", "integer") and isinstance(line["input"], str):
        like = "0.1 or 1.0e-1" if wanted == "number" else "20"
        hint = f" (YAML reads this as text; write a number like {like}, without quotes)"
    elif wanted == "boolean":
        hint = " (true or false, without quotes)"
    elif wanted == "string" and not isinstance(line["input"], dict | list):
        hint = " (YAML does not read this as text; put it in quotes)"
    return f"{got} is not of type {wanted}{hint}"


def _shown(value: Any) -> str:
    return json.dumps(plain(value) if isinstance(value, Settings) else value, default=str)


def _line(text: str, where: Any, value: Any) -> InitErrorDetails:
    # Braces in a message would be taken for names of its context.
    error = PydanticCustomError("setting", "{text}", {"text": text})
    return InitErrorDetails(type=error, loc=tuple(where), input=value)
