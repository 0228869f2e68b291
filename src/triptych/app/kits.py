"""Key-visual kits of one application: what makes, shows and delivers them."""

from dataclasses import dataclass

from triptych.imaging.workshop import Workshop
from triptych.spec.clock import Clock
from triptych.store.base import Bus
from triptych.store.records import SqlRecordStore
from triptych.studio.client_picks import ClientPicks
from triptych.studio.credentials import Credentials
from triptych.studio.kit_client import KitClients
from triptych.studio.kit_files import KitFiles
from triptych.studio.kits import Kits
from triptych.studio.outpaint import Outpaint
from triptych.studio.picks import Picks
from triptych.studio.service import Studio


@dataclass(frozen=True, slots=True, kw_only=True)
class KitDesk:
    """Everything about kits."""

    kits: Kits
    files: KitFiles
    clients: KitClients
    picks: ClientPicks


def open_kits(
    store: SqlRecordStore,
    studio: Studio,
    outpaint: Outpaint,
    bus: Bus,
    picks: Picks,
    workshop: Workshop,
    credentials: Credentials | None,
    clock: Clock,
) -> KitDesk:
    """Puts the parts together."""
    kits, files = (
        Kits(store.kits, studio, outpaint, bus, clock),
        KitFiles(studio, store.receipts, workshop, credentials, clock, store.gallery.alt),
    )
    return KitDesk(
        kits=kits,
        files=files,
        clients=KitClients(kits, files, studio, clock, store.gallery.alt),
        picks=ClientPicks(store.kits, picks),
    )
