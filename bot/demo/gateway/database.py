"""The service's own Postgres cluster, apart from the bot's: stopping it must not stop the bot."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

from bot.demo.gateway.commands import GatewayError
from bot.store.embedded import server_on


def start_cluster(folder: Path) -> str:
    """Start the cluster in `folder`, made when it is not there; returns the superuser's connection string. Blocks.

    It has Postgres's own settings, as a service's has, where the bot's is trimmed. Nothing of it may run already.
    """
    for cut_short in folder.parent.glob(f"{folder.name}.new-*"):
        shutil.rmtree(cut_short, ignore_errors=True)
    try:
        if not folder.exists():
            # Under another name first: a kill in the middle of initdb would spoil the folder for good.
            fresh = Path(tempfile.mkdtemp(prefix=f"{folder.name}.new-", dir=folder.parent))
            server_on(fresh).ensure_pgdata_inited()
            fresh.rename(folder)
        # The wheel takes any process that has the pid of an earlier server for the server.
        (folder / "postmaster.pid").unlink(missing_ok=True)
        server = server_on(folder)
        server.ensure_postgres_running()
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        raise GatewayError(f"Postgres does not start in {folder}; {folder / 'log'} may say why") from error
    return server.get_uri()


def service_url(admin_url: str, *, role: str, password: str) -> str:
    """The connection string of the service's role, to the database of the same name."""
    _, _, query = admin_url.partition("?")
    return f"postgresql://{quote(role)}:{quote(password)}@/{quote(role)}?{query}"
