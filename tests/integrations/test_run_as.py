"""What another user runs, by a real sudo, on every kind of host."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from bot.core.errors import Conflict, OutcomeUnknown
from bot.core.ports import Host
from bot.core.run_as import Account, output
from tests.hosts import ENOUGH, SOON

OTHER = "nobody"


@pytest.fixture
def account(host: Host) -> Account:
    """The bot's rights to be somebody else, as its sudoers file gives them."""
    command = ("sudo", "-n", "-u", OTHER, "true")
    if not shutil.which("sudo") or subprocess.run(command, capture_output=True, timeout=10, check=False).returncode:
        pytest.skip("sudo lets nobody be somebody else on this machine")
    return Account(host, OTHER, {"HOME": "/nowhere"})


async def test_a_program_has_the_rights_the_words_and_the_surroundings_that_it_is_given(account: Account) -> None:
    script = 'id -un; pwd; echo "$HOME $WORD"; exit 3'

    done = await account.run(("sh", "-c", script), cwd="/", env={"WORD": "a  $(b)"})

    assert (done.code, done.out) == (3, f"{OTHER}\n/\n/nowhere a  $(b)\n")


async def test_the_lock_is_held_for_as_long_as_the_other_user_works(account: Account, tmp_path: Path) -> None:
    lock = str(tmp_path / "change.lock")
    with pytest.raises(OutcomeUnknown, match="goes on under its lock"):
        await account.run(("sleep", "1.5"), within=SOON, lock=lock)

    with pytest.raises(Conflict, match=r"sleep 1\.5"):
        await account.run(("true",), within=SOON, lock=lock)
    assert "sleep 1.5" in await account.holder(lock)

    await asyncio.sleep(1.5)
    assert output(await account.run(("id", "-un"), within=ENOUGH, lock=lock), "id") == f"{OTHER}\n"
    assert await account.holder(lock) == ""
