"""What is wrong with a request, gathered, so that whoever sent it mends everything in one round."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cardnet.kernel.errors import CardnetError, Conflict, FieldError, InvalidInput


class Mistakes:
    """Gathers mistakes field by field; `tell` raises them.

    One alone is raised as it is. Several are an InvalidInput with the code of the first, all sentences, and each beside
    its field.
    """

    def __init__(self) -> None:
        self._found: list[tuple[str, CardnetError]] = []

    @contextmanager
    def about(self, field: str | Mapping[str, str]) -> Iterator[None]:
        """What is raised in here is about this field, or about the one its code names."""
        try:
            yield
        except (InvalidInput, Conflict) as error:
            self._found.append((field if isinstance(field, str) else field.get(error.code, ""), error))

    def tell(self) -> None:
        """Raises what was found, if anything was."""
        if not self._found:
            return
        if len(self._found) == 1:
            raise self._found[0][1]
        errors = [one for field, error in self._found for one in _errors(field, error)]
        said = "".join(dict.fromkeys(one.message for one in errors))
        raise InvalidInput(self._found[0][1].code, said, errors)


def _errors(field: str, error: CardnetError) -> list[FieldError]:
    """Those of an error that gathered some itself, else the error as one."""
    own = list(error.errors) if isinstance(error, InvalidInput) else []
    return own or [FieldError(f"/{field}", error.message, error.code)]
