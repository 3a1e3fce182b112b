"""What DICOMweb may find: instances by what a person may see, and searches over them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.db.models import Q, QuerySet

from apps.access import roles
from apps.access.errors import NotFound
from apps.access.models import User
from apps.intake.models import ReceivedInstance
from apps.library.domain.attribute_matching import Header, Query, is_match, result
from apps.library.models import Clip, Instance
from apps.library.queries import SEE_ALL_CLIPS, clips_for
from apps.projects.queries import project_ids, projects_for

_BATCH = 100
_PIXELS = "7FE00010"


def instances_for(user: User, slug: str = "") -> QuerySet[Instance]:
    """De-identified instances that ``user`` may see, in one project where ``slug`` names it: all of
    a project for its lead and steward, else those of the clips that were assigned; none for who
    annotates in a project that gives clips to label again. Raises NotFound for a project in which
    the person has no role."""
    seen = Q(pk__in=clips_for(user).order_by().values("instance_id"))
    # A clip that comes back unmarked has no instance of its own: its absence here would mark it.
    annotated = projects_for(user, roles.ANNOTATOR).filter(options__repeats=True)
    seen &= ~Q(series__study__project_id__in=[one.pk for one in annotated])
    seen |= Q(series__study__project_id__in=project_ids(user, *SEE_ALL_CLIPS))
    withdrawn = Clip.objects.filter(state=Clip.State.WITHDRAWN).order_by()
    found = Instance.objects.filter(seen, source__state=ReceivedInstance.State.CLEARED).exclude(
        pk__in=withdrawn.values("instance_id")
    )
    if slug:
        if not projects_for(user).filter(slug=slug).exists():
            raise NotFound
        found = found.filter(series__study__project__slug=slug)
    return found.order_by(
        "-series__study__created_at", "series__study", "series", "source__received_at", "pk"
    ).select_related("series__study__project", "file")


def instances_at(
    user: User, slug: str, study_uid: str, series_uid: str = "", instance_uid: str = ""
) -> QuerySet[Instance]:
    """The instances below an address. Raises NotFound where there is none for this person."""
    found = instances_for(user, slug).filter(series__study__study_instance_uid=study_uid)
    if series_uid:
        found = found.filter(series__series_instance_uid=series_uid)
    if instance_uid:
        found = found.filter(sop_instance_uid=instance_uid)
    if not found.exists():
        raise NotFound
    return found


def metadata_of(instance: Instance, base: str) -> Header:
    """The instance in the DICOM JSON model; ``base`` is the address of DICOMweb. Pixel Data stands
    there by its address."""
    header: Header = dict(instance.header)
    header["00083002"] = {"vr": "UI", "Value": [instance.transfer_syntax_uid]}
    if "00280010" in header:
        bits = (header.get("00280100", {}).get("Value") or [8])[0]
        is_native = instance.transfer_syntax_uid in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")
        header[_PIXELS] = {
            "vr": "OW" if is_native and bits > 8 else "OB",
            "BulkDataURI": f"{address_of(instance, base, 'instance')}/bulkdata/{_PIXELS.lower()}",
        }
    return dict(sorted(header.items()))


def address_of(instance: Instance, base: str, level: str) -> str:
    """The address of an instance, its series or its study."""
    series = instance.series
    found = f"{base}/studies/{series.study.study_instance_uid}"
    if level != "study":
        found += f"/series/{series.series_instance_uid}"
    if level == "instance":
        found += f"/instances/{instance.sop_instance_uid}"
    return found


def search(
    visible: QuerySet[Instance], query: Query, level: str, levels: tuple[str, ...], base: str
) -> tuple[list[Header], bool]:
    """The page of matches, and whether there are more."""
    matches = (
        result(header, query, levels)
        for header in _headers(_narrowed(visible, query), level, base)
        if is_match(header, query)
    )
    page = list(islice(matches, query.offset, query.offset + query.limit + 1))
    return page[: query.limit], len(page) > query.limit


def _narrowed(visible: QuerySet[Instance], query: Query) -> QuerySet[Instance]:
    """What the database can leave out at once: lists of hundreds of thousands need not be read for
    one study."""
    columns = {
        "0020000D": "series__study__study_instance_uid__in",
        "0020000E": "series__series_instance_uid__in",
        "00080018": "sop_instance_uid__in",
    }
    for key in query.keys:
        if len(key.path) == 1 and key.value and key.path[0] in columns:
            uids = key.value.replace("\\", ",").split(",")
            visible = visible.filter(**{columns[key.path[0]]: uids})
    return visible


def _headers(visible: QuerySet[Instance], level: str, base: str) -> Iterator[Header]:
    """One header a study, series or instance, with what is counted; read in batches."""
    rows = visible.values_list("pk", "series__study_id", "series_id", "series__modality")
    first: OrderedDict[Any, Any] = OrderedDict()
    studies: dict[Any, tuple[set[Any], set[str], list[int]]] = {}
    series: dict[Any, int] = {}
    for pk, study_id, series_id, modality in rows:
        first.setdefault({"study": study_id, "series": series_id, "instance": pk}[level], pk)
        held = studies.setdefault(study_id, (set(), set(), [0]))
        held[0].add(series_id)
        held[1].add(modality)
        held[2][0] += 1
        series[series_id] = series.get(series_id, 0) + 1
    wanted = iter(first.values())
    while batch := list(islice(wanted, _BATCH)):
        found = {row.pk: row for row in visible.filter(pk__in=batch)}
        for pk in batch:
            if pk not in found:
                continue
            one = found[pk]
            n_series, modalities, n_instances = studies[one.series.study_id]
            yield {
                **one.header,
                "00080056": {"vr": "CS", "Value": ["ONLINE"]},
                "00080061": {"vr": "CS", "Value": sorted(filter(None, modalities))},
                "00081190": {"vr": "UR", "Value": [address_of(one, base, level)]},
                "00083002": {"vr": "UI", "Value": [one.transfer_syntax_uid]},
                "00201206": {"vr": "IS", "Value": [len(n_series)]},
                "00201208": {"vr": "IS", "Value": [n_instances[0]]},
                "00201209": {"vr": "IS", "Value": [series[one.series_id]]},
            }
