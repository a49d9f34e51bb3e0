"""An archive that is named on the command line."""

from pathlib import Path
from typing import TYPE_CHECKING

from incidentlog.cli.ending import Code, Failed

if TYPE_CHECKING:
    from incidentlog.audit.archive import Archive
    from incidentlog.audit.place import Place


def is_archive(where: str) -> bool:
    """Whether this is, or is to be, an archive, and not the directory of an export."""
    here = Path(where)
    return "://" in where or (here / "archive.json").exists() or any(here.glob("*-*/manifest.json"))


def directory(where: str) -> Path:
    """The directory of an export; raises Failed for what is none."""
    if not Path(where).is_dir():
        raise Failed(f"{where} is no directory of an export, and no archive", Code.NOT_FOUND)
    return Path(where)


def place(where: str) -> "Place":
    """Where an archive is, or is to be; raises Failed for what is no place."""
    from incidentlog.audit.place import ArchiveAwayError, ArchiveError, Place

    try:
        return Place(where)
    except ImportError:
        raise Failed("an archive is read by pyarrow, which is not here: pip install 'incidentlog[parquet]'") from None
    except ArchiveError as error:
        raise Failed(str(error), Code.UNAVAILABLE if isinstance(error, ArchiveAwayError) else Code.USAGE) from error


def archive_at(where: str) -> "Archive":
    """An archive that is there; raises Failed for a place that is none."""
    from incidentlog.audit.archive import Archive

    return Archive(place(where))
