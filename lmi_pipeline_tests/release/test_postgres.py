"""A release in a PostgreSQL server of the test's own: the same as in SQLite, readable, and never half there."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from lmi_pipeline import catalog
from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.release import database, pointer
from lmi_pipeline.release import publish as releases
from lmi_pipeline_tests.release.conftest import MADE_AT, MART, mart_rows

KILLED = textwrap.dedent(
    """
    import os, signal, sys
    from datetime import UTC, datetime
    from pathlib import Path
    import pandas as pd
    from lmi_pipeline.release import bulk
    from lmi_pipeline.release import publish as releases
    from lmi_pipeline.storage.lake import Lake

    def die(*args):
        os.kill(os.getpid(), signal.SIGKILL)

    def die_in_copy(stream, batch):
        die()

    if sys.argv[4] == "copying":
        bulk._CsvStream._as_csv = die_in_copy
    else:
        releases._move_into_place = die
    checks = [{"table": name, "name": "key_unique", "severity": "block", "passed": True}
              for name in Lake(Path(sys.argv[1])).tables()]
    releases.publish(Lake(Path(sys.argv[1])), Path(sys.argv[2]), database_url=sys.argv[3], checks=checks,
                     git_revision="abc", inputs=pd.DataFrame(columns=releases.INPUT_COLUMNS),
                     made_at=datetime(2026, 11, 21, 12, tzinfo=UTC))
    """
)


@pytest.fixture(scope="session")
def server():
    """URL of a PostgreSQL server that this test starts, on a socket in a folder of its own, and stops."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda home: float(home.parent.name))
    if not homes:
        pytest.fail("there is no PostgreSQL server to start in /usr/lib/postgresql; apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="lmi-postgres-", dir="/tmp"))
    data, log = folder / "data", folder / "log"
    user = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"

    def control(*words):
        subprocess.run([*user, str(homes[-1] / words[0]), *words[1:]], check=True, stdout=subprocess.DEVNULL, cwd="/")

    try:
        control("initdb", "-D", str(data), "-A", "trust", "-U", "lmi", "-E", "UTF8", "--locale=C", "--no-sync")
        control("pg_ctl", "-D", str(data), "-w", "-l", str(log), "-o", options, "start")
        try:
            yield f"postgresql+psycopg2://lmi@/postgres?host={folder}"
        finally:
            control("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def url(server, request):
    """URL of an empty database of this server."""
    name = f"lmi_{abs(hash(request.node.name))}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return server.replace("/postgres?", f"/{name}?")


def ask(url, statement):
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            return connection.exec_driver_sql(statement).fetchall()
    finally:
        engine.dispose()


def schemas(url):
    found = ask(url, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'release%%' ORDER BY 1")
    return [row[0] for row in found]


def awkward_rows():
    """Rows with whatever a text or a number may hold, out of key order."""
    names = [
        '"NI", quoted',
        "a\\b\tc",
        "Ynys Môn",
        "line\nbreak",
        "\\N",
        "NULL",
        "'; DROP TABLE x; --",
        "",
        " ",
        "é" * 99,
    ]
    rows = 60_000
    numbers = np.random.default_rng(5).lognormal(8, 4, rows)
    numbers[:6] = [0.1 + 0.2, 1e15, 5e-324, 1e308, 0.0, 123456789.123456789]
    frame = pd.DataFrame(
        {
            "weight_vintage": np.repeat(["pwt20", "pwt22"], rows // 2),
            "quarter": [f"{1000 + n // 4}-{1 + 3 * (n % 4):02d}" for n in range(rows // 2)] * 2,
            "area_code": "N92000002", "area_name": np.resize(names, rows), "birth_group": "eu",
            "population_count": np.where(np.arange(rows) % 7 == 6, np.nan, numbers),
            "yearly_change_count": -numbers, "rti_release": np.where(np.arange(rows) % 5 == 0, None, "2022-05"),
            "status": "ok", "is_modelled": np.arange(rows) % 2 == 0, "synthetic": "true",
        }
    )  # fmt: skip
    return frame.sample(frac=1.0, random_state=1)


def test_marts_then_the_same_cell_by_cell_as_in_sqlite(publish, lake, url, root, tmp_path):
    lake.write(MART, awkward_rows())
    in_files = publish("2026.11.1")
    in_server = publish("2026.11.2", database_url=url)
    assert not (in_server / "release.sqlite").exists()
    columns = ", ".join(catalog.table(MART).columns)
    order = ", ".join(catalog.table(MART).key)
    connection = sqlite3.connect(in_files / "release.sqlite")
    ours = connection.execute(f"SELECT {columns} FROM {MART} ORDER BY {order}").fetchall()
    connection.close()
    theirs = [tuple(row) for row in ask(url, f"SELECT {columns} FROM release_2026_11_2.{MART} ORDER BY {order}")]
    flag = catalog.table(MART).columns.index("is_modelled")
    ours = [(*row[:flag], bool(row[flag]), *row[flag + 1 :]) for row in ours]
    assert len(theirs) == 60_000
    assert theirs == ours
    assert {tuple(map(type, row)) for row in theirs} == {tuple(map(type, row)) for row in ours}
    assert pd.read_parquet(in_server / f"{MART}.parquet")["population_count"].tolist()[3] == theirs[3][5]


def test_tables_then_keys_nulls_types_and_indices_of_both_the_same(publish, lake, url):
    lake.write(MART, awkward_rows())
    folder = publish("2026.11.1")
    publish("2026.11.2", database_url=url)
    found = []
    for where, schema in ((f"sqlite:///{folder / 'release.sqlite'}", None), (url, "release_2026_11_2")):
        engine = sa.create_engine(where)
        inspector = sa.inspect(engine)
        columns = inspector.get_columns(MART, schema=schema)
        found.append(
            {
                "columns": [(c["name"], c["nullable"], c["type"].python_type) for c in columns],
                "key": inspector.get_pk_constraint(MART, schema=schema)["constrained_columns"],
                "indices": [index["column_names"] for index in inspector.get_indexes(MART, schema=schema)],
            }
        )
        engine.dispose()
    assert found[0] == found[1]
    assert found[0]["key"] == list(catalog.table(MART).key)
    assert found[0]["indices"] == [["quarter"]]


def test_going_back_then_every_schema_stays(publish, url, root):
    publish("2026.11.1", database_url=url)
    publish("2026.11.2", database_url=url)
    releases.rollback(root, "2026.11.1", MADE_AT)
    assert schemas(url) == ["release_2026_11_1", "release_2026_11_2"]
    assert ask(url, f"SELECT count(*) FROM release_2026_11_2.{MART}") == [(3,)]


def test_reader_then_may_read_the_release_and_nothing_else(publish, url):
    publish(database_url=url, database_reader="lmi_reader")
    ask(url, "ALTER ROLE lmi_reader LOGIN; CREATE SCHEMA private; CREATE TABLE private.t (n int); SELECT 1")
    as_reader = url.replace("lmi@", "lmi_reader@")
    assert ask(as_reader, f"SELECT count(*) FROM release_2026_11_1.{MART}") == [(3,)]
    for statement in (
        f"DELETE FROM release_2026_11_1.{MART} RETURNING 1", f"UPDATE release_2026_11_1.{MART} SET status = 'ok'",
        f"DROP TABLE release_2026_11_1.{MART}", "CREATE TABLE release_2026_11_1.x (n int)", "SELECT * FROM private.t",
    ):  # fmt: skip
        with pytest.raises(sa.exc.ProgrammingError, match=r"permission denied|must be owner"):
            ask(as_reader, statement)


@pytest.mark.parametrize(("moment", "left"), [("copying", []), ("committed", ["release_2026_11_2"])])
def test_killed_then_the_release_before_stands_and_the_next_takes_its_schema(
    publish, lake, root, url, moment, left
):  # fmt: skip
    publish("2026.11.1", database_url=url)
    lake.write(MART, mart_rows(population_count=[None, 9.0e3, 5.3e4]))
    command = [sys.executable, "-W", "ignore", "-c", KILLED, str(lake.root), str(root), url, moment]
    assert subprocess.run(command, check=False, timeout=120).returncode == -signal.SIGKILL
    assert pointer.current_release(root, MADE_AT) == "2026.11.1"
    assert ask(url, f"SELECT max(population_count) FROM release_2026_11_1.{MART}") == [(5.2e4,)]
    assert schemas(url) == ["release_2026_11_1", *left]

    lake.write(MART, mart_rows(population_count=[None, 9.0e3, 5.4e4]))
    publish(None, database_url=url)
    assert pointer.current_release(root, MADE_AT) == "2026.11.2"
    assert ask(url, f"SELECT max(population_count) FROM release_2026_11_2.{MART}") == [(5.4e4,)]


@pytest.mark.parametrize("marker", ["", f"CREATE TABLE release_2026_11_1.{database.MARKER} AS SELECT '2026.11.1'"
                                        " AS release, 'another folder' AS owner;"])  # fmt: skip
def test_schema_of_somebody_else_then_refused_and_left_as_it_is(publish, url, root, marker):
    ask(url, f"CREATE SCHEMA release_2026_11_1; {marker} CREATE TABLE release_2026_11_1.theirs (n int); SELECT 1")
    with pytest.raises(ReleaseError, match="schema release_2026_11_1 exists and is not of this folder of releases"):
        publish(database_url=url)
    assert ask(url, "SELECT count(*) FROM release_2026_11_1.theirs") == [(0,)]
    assert pointer.list_releases(root) == []


def test_server_that_cannot_be_reached_then_error_without_the_password(publish, root, tmp_path):
    with pytest.raises(ReleaseError, match="OperationalError while writing schema release_2026_11_1") as raised:
        publish(database_url=f"postgresql+psycopg2://lmi:secret@/lmi?host={tmp_path}")
    assert "secret" not in str(raised.value)
    assert pointer.list_releases(root) == []
