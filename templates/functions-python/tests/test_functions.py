import asyncio
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient

from runtime.app import create_app, load


def test_a_function_answers_its_path_and_all_paths_below():
    functions = load(Path(__file__).parent.parent / "functions")
    with TestClient(create_app(functions)) as client:
        assert client.get("/hello/Ada").json() == {"message": "Hello, Ada"}
        assert client.get("/hello?x=1").json() == {"message": "Hello, world"}
        for path in ["/", "/hell", "/__init__"]:
            assert client.get(path).status_code == 404, path


def test_bodies_statuses_and_headers_pass_through():
    async def echo(request):
        headers = {"x-method": request.method, "x-own": request.headers["x-own"]}
        return Response(await request.body(), 201, headers)

    with TestClient(create_app({"echo": echo})) as client:
        answer = client.put("/echo", content="x" * 300_000, headers={"x-own": "7"})
        assert (answer.status_code, len(answer.content)) == (201, 300_000)
        assert (answer.headers["x-method"], answer.headers["x-own"]) == ("PUT", "7")


def test_a_function_that_fails_or_is_late_does_not_stop_the_others():
    async def fails(_request):
        raise ValueError("secret detail")

    async def late(_request):
        await asyncio.sleep(60)

    async def nothing(_request):
        return "text"

    async def good(_request):
        return PlainTextResponse("good")

    functions = {"fails": fails, "late": late, "nothing": nothing, "good": good}
    with TestClient(create_app(functions, timeout=0.1)) as client:
        assert (client.get("/fails").status_code, client.get("/fails").json()) == (500, {"error": "the function failed"})
        assert client.get("/late").status_code == 504
        assert client.get("/nothing").status_code == 500
        assert client.get("/good").text == "good"


def test_it_is_healthy_while_it_runs():
    app = create_app({})
    assert TestClient(app).get("/healthz").status_code == 503
    with TestClient(app) as client:
        assert client.get("/healthz").json() == {"status": "ok"}


def test_a_file_without_a_function_is_seen_at_the_start(tmp_path):
    (tmp_path / "a.py").write_text("async def handle(request): ...\n")
    (tmp_path / "_b.py").write_text("(\n")
    assert list(load(tmp_path)) == ["a"]
    (tmp_path / "c.py").write_text("def handle(request): ...\n")
    with pytest.raises(TypeError, match="c.py has no `async def handle`"):
        load(tmp_path)
