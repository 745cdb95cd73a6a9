"""The add-on, the image and the compose file say what `kws serve` understands."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from loudness_models import wake_word
from typer.testing import CliRunner

import kws
from kws.cli.main import app
from kws.serving import addon
from kws.serving.address import URI, parse_uri

FOLDER = Path(addon.__file__).parent / "container"
CONFIG = yaml.safe_load((FOLDER / "config.yaml").read_text("utf-8"))
DOCKERFILE = (FOLDER / "Dockerfile").read_text("utf-8")
PORT = parse_uri(URI).port


def refusal(*arguments: str) -> str:
    """What `kws` says that understands its arguments, and finds its address taken or wrong."""
    done = CliRunner().invoke(app, list(arguments), prog_name="kws")
    assert done.exit_code == 1, done.output
    return done.output


def test_the_add_on_has_what_home_assistant_asks_for_and_the_version_of_kws():
    assert {"name", "version", "slug", "description", "arch"} <= set(CONFIG)
    assert CONFIG["version"] == kws.__version__
    assert list(CONFIG["ports"]) == [f"{PORT}/tcp"]


def test_every_option_of_the_add_on_reaches_the_command(tmp_path):
    options = {"models": ["hey_cortana"], "threshold": 0.9, "allow": ["10.0.0.1", "10.1.0.0/16"]}
    assert set(options) == set(CONFIG["schema"])
    given = addon.arguments(options, tmp_path)
    assert given[:4] == ["serve", "hey_cortana", "--uri", f"tcp://0.0.0.0:{PORT}"]
    assert given[4:] == ["--threshold", "0.9", "--allow", "10.0.0.1", "--allow", "10.1.0.0/16"]
    assert "--uri 'x' is no address" in refusal(*["x" if "tcp:" in arg else arg for arg in given])


def test_the_options_that_the_add_on_begins_with_serve_everything(tmp_path):
    given = addon.arguments(CONFIG["options"], tmp_path / "none")
    assert given == ["serve", "--uri", f"tcp://0.0.0.0:{PORT}"]
    assert addon.arguments(json.loads("{}"), tmp_path / "none") == given


def test_the_add_on_finds_ones_own_models_by_name_and_serves_those_alone(tmp_path):
    own = tmp_path / "deep" / "hey_robin.kws"
    own.parent.mkdir()
    own.write_bytes(wake_word("hey robin"))

    def served(*models: str) -> list[str]:
        given = addon.arguments({"models": list(models)}, tmp_path)
        assert "'x' is no address" in refusal(*["x" if "tcp:" in arg else arg for arg in given])
        return [*given[1 : given.index("--uri")], *given[given.index("--uri") + 2 :]]

    assert served("hey_robin", "athena") == [str(own), "athena"]
    assert served("hey_robin.kws") == served(str(own)) == [str(own)]
    assert served() == ["--models", str(tmp_path)]


def test_the_compose_file_starts_a_command_that_kws_understands(tmp_path):
    compose = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
    service = compose["services"]["kws"]
    assert service["ports"] == [f"{PORT}:{PORT}"]
    program, *given = service["command"]
    assert program == "kws"
    assert service["volumes"][0].split(":")[1] == given[-1] == "/models"
    given[-1] = str(tmp_path)
    assert "no address" in refusal(*["x" if "tcp:" in arg else arg for arg in given])


def test_the_image_starts_the_add_on_with_the_extra_it_needs():
    assert f'CMD ["python", "-m", "{addon.__name__}"]' in DOCKERFILE
    assert re.search(r'pip install .*"kws\[serve\] @ file://', DOCKERFILE)
    assert f"EXPOSE {PORT}" in DOCKERFILE and f":{PORT:04X} " in DOCKERFILE


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="as in a container: Linux")
def test_the_health_check_sees_a_service_that_allows_others_alone_and_makes_no_noise(tmp_path):
    pytest.importorskip("wyoming", reason="pip install 'kws[serve]'")
    from wyoming_server import serving

    check = json.loads(re.findall(r"HEALTHCHECK CMD (.*)", DOCKERFILE)[0])

    def is_healthy(port: int) -> bool:
        command = [word.replace(f"{PORT:04X}", f"{port:04X}") for word in check]
        return subprocess.run(command).returncode == 0

    (tmp_path / "noise.kws").write_bytes(wake_word())
    with serving(tmp_path / "noise.kws", "--allow", "10.1.2.3") as service:
        assert is_healthy(service.port)
        assert service.end() == ("", "")
        assert not is_healthy(service.port)
