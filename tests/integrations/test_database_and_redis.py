from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp.test_utils import unused_port
from pydantic import SecretStr

from bot.core.errors import IntegrationError
from bot.core.ports import EnvFile
from integrations import envfile, local, postgres, redis

HOST = local.LocalHost(local.Config())


@pytest.fixture
def env(tmp_path: Path) -> EnvFile:
    (tmp_path / ".env").write_text("PORT=3000\n")
    return envfile.DotEnvFile(envfile.Config(path=str(tmp_path / ".env")), data=tmp_path)


def add(env: EnvFile, key: str, value: str) -> None:
    with Path(env.path).open("a") as file:
        file.write(f"{key}='{value}'\n")


def url_of(conninfo: str) -> str:
    """A conninfo as the URL that services are configured with."""
    parts = dict(part.split("=", 1) for part in conninfo.split())
    return f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}"


@pytest.mark.row("J1")
async def test_the_database_named_in_the_services_env_file_answers(env: EnvFile, database: str) -> None:
    add(env, "DATABASE_URL", f"{url_of(database)}&schema=public&connection_limit=5")

    assert (await postgres.ServiceDatabase(postgres.Config(), env=env, host=HOST).ping()).startswith("PostgreSQL ")


async def test_an_address_of_the_configuration_wins(env: EnvFile, database: str) -> None:
    config = postgres.Config(url=SecretStr(url_of(database)))

    assert (await postgres.ServiceDatabase(config, env=env, host=HOST).ping()).startswith("PostgreSQL ")


@pytest.mark.row("J1")
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://gateway:hunter22@127.0.0.1:{port}/gateway", "connection refused"),
        ("hunter22 is no address", "ProgrammingError"),
    ],
)
async def test_why_a_database_does_not_answer_is_told_without_its_address(env: EnvFile, url: str, reason: str) -> None:
    add(env, "DATABASE_URL", url.format(port=unused_port()))

    with pytest.raises(IntegrationError, match=f"does not answer a query \\({reason}\\)") as fault:
        await postgres.ServiceDatabase(postgres.Config(), env=env, host=HOST).ping()

    assert "hunter22" not in str(fault.value)
    assert fault.value.__cause__ is None


async def test_a_database_that_hangs_is_given_up(env: EnvFile, monkeypatch: pytest.MonkeyPatch, database: str) -> None:
    monkeypatch.setattr(postgres, "_TIMEOUT", 0)
    add(env, "DATABASE_URL", url_of(database))

    with pytest.raises(IntegrationError, match="did not answer within 0 s"):
        await postgres.ServiceDatabase(postgres.Config(), env=env, host=HOST).ping()


async def test_a_key_that_the_env_file_lacks_is_told(env: EnvFile) -> None:
    with pytest.raises(IntegrationError, match="The env file has no DATABASE_URL"):
        await postgres.ServiceDatabase(postgres.Config(), env=env, host=HOST).ping()
    with pytest.raises(IntegrationError, match="The env file has no REDIS_URL"):
        await redis.ServiceRedis(redis.Config(), env=env).ping()


async def test_redis_answers(env: EnvFile, redis_port: int) -> None:
    add(env, "REDIS_URL", f"redis://:hunter22@127.0.0.1:{redis_port}/0")

    assert await redis.ServiceRedis(redis.Config(), env=env).ping() == "Redis answers"


async def test_why_redis_does_not_answer_is_told_without_its_address(env: EnvFile, redis_port: int) -> None:
    wrong = redis.Config(url=SecretStr(f"redis://:hunter33@127.0.0.1:{redis_port}/0"))
    away = redis.Config(url=SecretStr(f"redis://:hunter33@127.0.0.1:{unused_port()}/0"))
    none = redis.Config(url=SecretStr("hunter33 is no address"))

    for config, words in [(wrong, "refused the password"), (away, "ConnectionError"), (none, "ValueError")]:
        with pytest.raises(IntegrationError, match=words) as fault:
            await redis.ServiceRedis(config, env=env).ping()
        assert "hunter33" not in str(fault.value)
