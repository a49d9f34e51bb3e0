"""The version under which subjects are told: those that answer may be an older one's, until they are built anew."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from zlib import crc32

from incidentlog.api.moment import Moment
from incidentlog.errors import ProjectionLagging
from incidentlog.folding.fold import SUBJECT_VERSION
from incidentlog.service.service import Service
from incidentlog.store.builds import SUBJECTS, Build, active_builds, wanted_builds


@asynccontextmanager
async def subjects_for(service: Service, moment: Moment, *beside: str) -> AsyncIterator[int]:
    """The version of the subjects that are read meanwhile, at a moment, and of projections that are read with them.

    Raises ProjectionLagging where this code cannot read those that answer, and where some of an older version were
    replaced while they were read.
    """
    if moment.by == "reported":  # they are folded from the log
        yield SUBJECT_VERSION
        return
    before = await _answering(service, beside)
    yield told_version(before, SUBJECT_VERSION)
    if all(build.wanted for build in before):  # what takes their place is of the same version
        return
    if {build.build for build in await _answering(service, beside)} != {build.build for build in before}:
        raise ProjectionLagging("the subjects were replaced while they were read", position=moment.position)


def told_version(builds: Sequence[Build], own: int) -> int:
    """The version that an answer is told to be of that is made of some builds; `own` where they are this code's.

    Of an older version's it is neither that one nor this code's, but a number for both: what is stored is as the older
    one made it, and what is folded when it is read as this one does.
    """
    if all(build.wanted for build in builds):
        return own
    versions = sorted((build.projection, build.version) for build in builds)
    return crc32(f"{versions} read by {sorted(wanted_builds().items())}".encode())


async def _answering(service: Service, beside: Sequence[str]) -> list[Build]:
    builds = await active_builds(service.pool)
    names = (SUBJECTS, *beside)
    if missing := [name for name in names if name not in builds]:
        raise ProjectionLagging(f"{', '.join(missing)}: not built yet", position=0)
    return [builds[name] for name in names]
