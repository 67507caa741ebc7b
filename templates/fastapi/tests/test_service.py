from fastapi.testclient import TestClient

from service.app import create_app


def test_it_is_healthy_while_it_runs():
    app = create_app()
    # The service is not ready before its startup has run.
    assert TestClient(app).get("/healthz").status_code == 503
    with TestClient(app) as client:
        answer = client.get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_it_greets():
    with TestClient(create_app()) as client:
        assert client.get("/hello/Ada").json() == {"message": "Hello, Ada"}
