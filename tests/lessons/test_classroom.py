"""A class with two places, by HTTP: the third visitor reads a sentence, and gets a place once one is free."""

import json
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from bgnb.files import InputError
from bgnb.lessons import classroom

pytest.importorskip("voila")


def write_lesson(folder, name):
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": ["print(6 * 7)"], "outputs": [], "execution_count": None}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book = {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (folder / name).write_text(json.dumps(book))


@pytest.fixture
def serve(tmp_path):
    """A function that serves two lessons of one cell to a class, and returns a function that visits an address there."""
    servers = []

    def start(visitors, preheat):
        for name in ("01_one.ipynb", "02_two.ipynb"):
            write_lesson(tmp_path, name)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = classroom.voila_command(tmp_path, port, "class", "127.0.0.1", preheat, visitors)
        log = (tmp_path / "log.txt").open("w")
        servers.append(subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | classroom.environment()))

        def visit(path, token="class", data=None):
            header = {"Authorization": f"token {token}"} if token else {}
            request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", data, header)
            try:
                with urllib.request.urlopen(request, timeout=120) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()

        for _ in range(240):
            try:
                visit("login")
                break
            except OSError:
                time.sleep(0.5)
        return visit

    yield start
    for server in servers:
        server.terminate()
        server.wait(30)


def kernel_of(page):
    return re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", page).group()


def test_the_third_of_two_visitors_reads_a_sentence_and_later_gets_a_place(serve):
    visit = serve(visitors=2, preheat=[])
    lesson = "voila/render/01_one.ipynb"
    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(lambda _: visit(lesson), range(4)))  # all at the same time
    assert [status for status, _ in answers] == [200, 200, 503, 503]
    assert all("42" in page for _, page in answers[:2])
    for _, page in answers[2:]:
        assert "All places are taken" in page and "Try again" in page and "http" not in page
    assert visit("voila/render/02_two.ipynb")[0] == 503
    assert visit(f"voila/api/shutdown/{kernel_of(answers[0][1])}", data=b"")[0] == 204
    assert visit(lesson)[0] == 200 and visit(lesson)[0] == 503


def test_lessons_kept_ready_leave_the_places_to_visitors(serve):
    visit = serve(visitors=1, preheat=["01"])
    status, page = visit("voila/render/02_two.ipynb")
    assert status == 200 and "42" in page
    assert visit("voila/render/01_one.ipynb")[0] == visit("voila/render/02_two.ipynb")[0] == 503
    assert visit(f"voila/api/shutdown/{kernel_of(page)}", data=b"")[0] == 204
    assert visit("voila/render/01_one.ipynb")[0] == 200


def test_without_the_token_nobody_learns_whether_there_is_room(serve):
    visit = serve(visitors=0, preheat=[])
    assert "All places are taken" in visit("voila/render/01_one.ipynb")[1]
    status, page = visit("voila/render/01_one.ipynb", token=None)
    assert status == 200 and "All places" not in page and "token" in page  # the page that asks for it


@pytest.mark.parametrize(("free", "preheat", "visitors"), [(11e9, ["01"], 9), (10.9e9, [], 9), (1e9, ["01", "02"], 1)])
def test_there_is_room_for_as_many_as_the_free_memory_holds(monkeypatch, free, preheat, visitors):
    monkeypatch.setattr(classroom.psutil, "virtual_memory", lambda: type("Memory", (), {"available": int(free)}))
    assert classroom.room(preheat) == visitors


def test_fewer_than_one_visitor_is_refused(tmp_path):
    with pytest.raises(InputError, match="visitors 0"):
        classroom.serve(tmp_path, 1, "class", "127.0.0.1", [], 0)
