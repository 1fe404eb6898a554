"""The errors this project raises on purpose.

Every message says what went wrong, where (file, table, partition, column), how many, and what to
do next. No message carries a value of an individual record.
"""


class LmiError(Exception):
    """Base of every error raised on purpose."""


class SourceError(LmiError):
    """A published file is not what its reader was written for.

    Parameters
    ----------
    message : str
        What was found and what was expected.
    file, sheet, cell : str, optional
        Where: file name, sheet name, and cell in spreadsheet notation (``B7``).
    hint : str, optional
        What to do next.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        sheet: str | None = None,
        cell: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.file, self.sheet, self.cell, self.hint = file, sheet, cell, hint
        place = [f"file '{file}'"] if file else []
        place += [f"sheet '{sheet}'"] if sheet else []
        place += [f"cell {cell}"] if cell else []
        text = f"{', '.join(place)}: {message}" if place else message
        super().__init__(f"{text} {hint}" if hint else text)


class SchemaError(LmiError):
    """A table does not agree with its catalogue entry."""


class MethodError(LmiError):
    """A method was given impossible input, or did not converge."""


class DisclosureError(LmiError):
    """Something unfiltered is on its way out."""


class ReleaseError(LmiError):
    """A release cannot be made, found or switched to."""
