"""What holds of a program that is run, on every kind of host."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from pathlib import Path
from time import monotonic

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.core.errors import IntegrationError, OutcomeUnknown
from bot.core.ports import Done, Host
from integrations.local import LocalHost
from integrations.ssh.host import SshHost
from tests.hosts import ENOUGH, SOON, Make, content, gone, until


async def test_an_argument_is_handed_over_as_it_is_and_no_shell_sees_it(host: Host) -> None:
    done = await host.run(("printf", "%s|", "$HOME; id", "*", "a'b\"c", ""))

    assert (done.code, done.out) == (0, "$HOME; id|*|a'b\"c||")


arguments = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
    st.binary(max_size=20).map(lambda some: os.fsdecode(some.replace(b"\0", b""))),
    st.text("'\"\\$`!*?[]{}()<>|&;~#=%^ \t\r\n-a", max_size=12),
)


@given(argv=st.lists(arguments, max_size=5))
@example(argv=["", "-n", "--", "-", "a\nb", "'", "\udcff", "\u2028", "~", "!!", "%s\\n", "=", "a=b"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_every_argument_arrives_byte_for_byte(host: Host, argv: list[str]) -> None:
    script = "od -An -v -tx1 /proc/$$/cmdline; :"

    done = await host.run(("sh", "-c", script, "sh", *argv))

    sent = b"".join(os.fsencode(word) + b"\0" for word in ("sh", "-c", script, "sh", *argv))
    assert bytes.fromhex(done.out.replace("\n", " ")) == sent


async def test_a_program_sees_path_home_and_what_it_was_given_and_none_of_the_bots_secrets(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSBOT_SLACK__BOT_TOKEN", "xoxb-invented")

    done = await host.run(("env",), env={"PM2_HOME": "/srv/pm2"})

    names = {line.partition("=")[0] for line in done.out.splitlines()}
    assert names == {"PATH", "HOME", "LANG", "PM2_HOME"}


async def test_exit_code_and_both_streams_come_back(host: Host, tmp_path: Path) -> None:
    done = await host.run(("sh", "-c", "pwd; echo wrong >&2; exit 3"), cwd=str(tmp_path))

    assert (done.code, done.out, done.err, done.cut) == (3, f"{tmp_path}\n", "wrong\n", False)


async def test_a_program_has_nothing_to_read(host: Host) -> None:
    assert await host.run(("cat",)) == Done(0, "", "")


async def test_a_program_is_found_on_the_path_that_is_configured_or_given_and_on_no_other(
    make: Make, tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "my-own-pm2"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho here\n")
    program.chmod(0o755)
    path = f"{program.parent}:/usr/bin:/bin"

    with pytest.raises(IntegrationError, match="my-own-pm2 cannot be run"):
        await make().run(("my-own-pm2",))
    configured = await make(path=path).run(("my-own-pm2",))
    given = await make().run(("my-own-pm2",), env={"PATH": path})

    assert (configured.out, given.out) == ("here\n", "here\n")


async def test_a_folder_that_is_not_there_is_an_error(host: Host, tmp_path: Path) -> None:
    with pytest.raises(IntegrationError, match="true cannot be run"):
        await host.run(("true",), cwd=str(tmp_path / "absent"))


async def test_a_program_that_may_not_be_run_is_an_error(host: Host, tmp_path: Path) -> None:
    (tmp_path / "text").touch(mode=0o644)

    with pytest.raises(IntegrationError, match=r"text cannot be run on .*: Permission denied"):
        await host.run((str(tmp_path / "text"),))


async def test_codes_by_which_a_shell_says_that_it_ran_nothing_are_codes_like_others(host: Host) -> None:
    codes = [(await host.run(("sh", "-c", f"exit {code}"))).code for code in (124, 125, 126, 127, 255)]

    assert codes == [124, 125, 126, 127, 255]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["term", "kill"])
async def test_a_program_that_a_signal_ended_has_the_negative_number_of_it_as_code(
    host: Host, number: signal.Signals
) -> None:
    done = await host.run(("sh", "-c", f"echo before; kill -{int(number)} $$"))

    assert done == Done(-number, "before\n", "")


async def test_twenty_programs_at_once_are_all_run(host: Host) -> None:
    began = monotonic()

    done = await asyncio.gather(*(host.run(("sh", "-c", f"sleep 1; echo {number}")) for number in range(20)))

    assert [each.out for each in done] == [f"{number}\n" for number in range(20)]
    assert monotonic() - began < 20


async def test_bytes_that_are_no_text_are_replaced(host: Host) -> None:
    assert (await host.run(("printf", r"a\377b"))).out == "a\ufffdb"


async def test_a_program_that_is_not_there_is_named(host: Host) -> None:
    with pytest.raises(IntegrationError, match=r"no-such-program cannot be run on \S+: No such file"):
        await host.run(("no-such-program",))


async def test_an_argument_that_no_program_can_take_is_an_error_of_ours(host: Host) -> None:
    with pytest.raises(IntegrationError, match="embedded null byte"):
        await host.run(("echo", "a\0b"))


async def test_a_read_that_takes_too_long_is_ended_with_all_its_children(host: Host, tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    with pytest.raises(OutcomeUnknown, match=r"sh did not end on \S+ within 0\.5 s"):
        await host.run(("sh", "-c", f"sleep 60 & echo $! > {pid}; wait"), within=SOON)

    assert await until(lambda: gone(content(pid)))


async def test_a_read_that_is_cancelled_is_ended(host: Host, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    task = asyncio.create_task(host.run(("sh", "-c", f"echo $$ > {pid}; exec sleep 60"), within=ENOUGH))
    started = await until(lambda: content(pid))
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task

    assert await until(lambda: gone(started))


async def test_output_beyond_the_cap_is_cut_and_the_flood_is_stopped(make: Make) -> None:
    host = make(output_cap=1000)

    done = await host.run(("yes",), within=ENOUGH)

    assert (len(done.out), done.cut) == (1000, True)


async def test_300_mb_are_cut_and_never_in_memory(host: Host) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    done = await host.run(("head", "-c", "300000000", "/dev/zero"), within=ENOUGH)

    assert (len(done.out), done.cut) == (4 * 1024 * 1024, True)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # kB


async def test_a_flood_of_complaints_is_stopped_too(make: Make, tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    done = await make(output_cap=1000).run(("sh", "-c", f"echo $$ > {pid}; exec yes >&2"), within=ENOUGH)

    assert (len(done.err), done.out, done.cut) == (1000, "", True)
    assert await until(lambda: gone(content(pid)))


async def test_commands_that_are_joined_read_what_the_one_before_writes(host: Host) -> None:
    done = await host.pipe((("printf", r"%s\n", "b", "a'; id", "c"), ("sort",), ("tail", "-n", "2")))

    assert done == Done(0, "b\nc\n", "")


async def test_one_command_alone_may_be_joined_too(host: Host, tmp_path: Path) -> None:
    done = await host.pipe(
        (("sh", "-c", "pwd; echo $WORD; echo wrong >&2; exit 3"),), cwd=str(tmp_path), env={"WORD": "x"}
    )

    assert done == Done(3, f"{tmp_path}\nx\n", "wrong\n")


async def test_of_joined_commands_the_last_gives_the_code_and_all_give_their_complaints(host: Host) -> None:
    missing = ("cat", "/no/such/file")

    done = await host.pipe((missing, ("sh", "-c", "cat; echo second >&2; exit 7")))

    assert (done.code, done.out) == (7, "")
    assert "/no/such/file: No such file or directory" in done.err
    assert "second" in done.err


async def test_a_command_whose_reader_has_enough_ends_without_a_complaint(host: Host) -> None:
    assert await host.pipe((("yes",), ("head", "-n", "1")), within=ENOUGH) == Done(0, "y\n", "")


async def test_a_joined_command_that_was_killed_is_told(host: Host) -> None:
    done = await host.pipe((("sh", "-c", "echo some; kill -9 $$"), ("cat",)))

    assert done == Done(0, "some\n", "sh was ended by signal 9\n")


async def test_joined_commands_that_take_too_long_are_all_ended(host: Host, tmp_path: Path) -> None:
    pids = tmp_path / "first", tmp_path / "second"
    argvs = [("sh", "-c", f"echo $$ > {pid}; exec sleep 60") for pid in pids]

    with pytest.raises(OutcomeUnknown, match=r"sh \| sh did not end on \S+ within 0\.5 s"):
        await host.pipe(argvs, within=SOON)

    for pid in pids:
        assert await until(lambda pid=pid: gone(content(pid)))  # type: ignore[misc]


async def test_joined_commands_that_flood_are_cut_and_what_flows_between_them_is_not(make: Make) -> None:
    host = make(output_cap=1000)

    flood = await host.pipe((("yes",), ("cat",)), within=ENOUGH)
    counted = await host.pipe((("head", "-c", "1000000", "/dev/zero"), ("wc", "-c")))

    assert (len(flood.out), flood.cut, flood.err) == (1000, True, "")
    assert (counted.out.strip(), counted.cut) == ("1000000", False)


async def test_a_joined_program_that_is_not_there_is_named_and_the_others_are_ended(host: Host, tmp_path: Path) -> None:
    trace = tmp_path / "trace"

    with pytest.raises(IntegrationError, match=r"no-such-program cannot be run on \S+: No such file"):
        await host.pipe((("sh", "-c", f"sleep 0.5; echo late > {trace}"), ("no-such-program",)))

    await asyncio.sleep(0.8)
    assert not trace.exists()


async def test_it_answers_a_ping_with_the_system(host: Host) -> None:
    assert isinstance(host, LocalHost | SshHost)

    assert (await host.ping()).split()[0] in {"Linux", "Darwin"}
