"""`kws serve` as a person starts it: where it listens, how it ends, and each refusal."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

pytest.importorskip("wyoming", reason="pip install 'kws[serve]'")

from loudness_models import noise, two_words, wake_word
from typer.testing import CliRunner
from wyoming_server import serving, stream

from kws.cli.main import app
from kws.engine import model_file
from kws.errors import ServingError
from kws.serving.address import is_loopback, parse_uri
from kws.serving.announcement import SERVICE
from kws.serving.catalogue import Catalogue, find_models


@pytest.fixture
def model_path(tmp_path) -> Path:
    (tmp_path / "noise.kws").write_bytes(wake_word())
    return tmp_path / "noise.kws"


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield f"tcp://127.0.0.1:{sock.getsockname()[1]}"


def refusal(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["serve", *map(str, arguments)], prog_name="kws")
    assert done.exit_code == 1 and done.output.count("\n") == 1, done.output
    return done.output


def test_what_cannot_be_served_is_said_in_one_sentence(model_path, taken, tmp_path):
    told = f"{taken} cannot be served (address already in use): is another service there?"
    assert told in refusal(model_path, "--uri", taken)
    assert "'http://a' is no address" in refusal(model_path, "--uri", "http://a")
    assert "'tcp://a:99999' is no address" in refusal(model_path, "--uri", "tcp://a:99999")
    unknown = refusal(model_path, "--uri", "tcp://no.such.host.invalid:1")
    assert "tcp://no.such.host.invalid:1 cannot be served" in unknown
    assert unknown.endswith("): give another --uri\n")  # nobody is there
    long = refusal(model_path, "--uri", f"unix:///tmp/{'a' * 120}")
    assert "a path of 125 bytes, where a socket's has at most 107: give a shorter one" in long
    assert "'x' is no address: give one" in refusal(model_path, "--allow", "x")
    path = f"unix://{tmp_path}/s"
    guarded = refusal(model_path, "--uri", path, "--allow", "10.0.0.1")
    assert f"--allow names addresses, and who connects to {path} has none: leave it out" in guarded
    assert "There is no model 'x'" in refusal("x")
    assert "There is no folder" in refusal("--models", tmp_path / "none")
    assert "two models are called noise" in refusal(model_path, model_path)
    assert "above 0 and below 1" in refusal(model_path, "--threshold", "1.5")


def test_announcing_what_the_network_cannot_reach_is_refused(model_path):
    assert "give --uri tcp://0.0.0.0:10400" in refusal(
        model_path, "--zeroconf", "--uri", "tcp://127.0.0.1:0"
    )


@pytest.mark.parametrize("missing", ["wyoming", "zeroconf"])
def test_the_extra_that_is_missing_is_named(model_path, missing):
    code = f"import sys; sys.modules[{missing!r}] = None; from kws.cli.main import main; main()"
    arguments = ["serve", str(model_path), "--zeroconf", "--uri", "tcp://0.0.0.0:0"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert last == "kws: kws serve needs more packages: pip install 'kws[serve]'."
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_peace_while_clients_are_connected(model_path, number):
    with serving(model_path) as service:
        with socket.create_connection(("127.0.0.1", service.port)):
            service.process.send_signal(number)
            assert service.process.wait(20) == 0
        assert service.process.communicate() == ("", "")


def test_detections_are_lines_for_people(model_path):
    with serving(model_path) as service:
        asyncio.run(stream(service.port, noise(1, 6000)))
        out, _ = service.end()
    (line,) = out.splitlines()
    assert " noise " in line and "%" in line and "127.0.0.1 port" in line


def test_beyond_this_computer_it_warns_unless_clients_are_named(model_path):
    def first_line(*more: str) -> str:
        command = [sys.executable, "-m", "kws", "serve", str(model_path), "--uri"]
        process = subprocess.Popen(
            [*command, "tcp://0.0.0.0:0", *more], stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        line = process.stderr.readline()
        process.terminate()
        process.communicate()
        return line

    assert "the Wyoming protocol knows no password and no encryption" in first_line()
    assert first_line("--allow", "192.168.1.20").startswith("Serving 1 wake word on tcp://0.0.0.0:")


def test_a_unix_socket_is_served(model_path, tmp_path):
    path = tmp_path / "socket"
    command = [sys.executable, "-m", "kws", "serve", str(model_path), "--uri", f"unix://{path}"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        assert f"on unix://{path};" in process.stderr.readline()
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            sock.sendall(b'{"type": "ping"}\n')
            assert b"pong" in sock.recv(1000)
    finally:
        process.terminate()
        process.communicate()


def test_a_unix_socket_that_is_served_is_left_to_its_service(model_path, tmp_path):
    path = tmp_path / "Socket"
    uri = f"unix://{path}"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        told = f"{uri} cannot be served (address already in use): is another service there?"
        assert told in refusal(model_path, "--uri", uri)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    command = [sys.executable, "-m", "kws", "serve", str(model_path), "--uri", uri]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert f"on {uri};" in process.stderr.readline()  # in the place of one that nobody serves
    process.terminate()
    process.communicate()
    assert not path.exists()
    path.write_text("mine")
    assert f"{uri} cannot be served (address already in use)" in refusal(model_path, "--uri", uri)
    assert path.read_text() == "mine"


def test_a_model_that_is_named_and_lies_in_the_folder_is_served_once(model_path, tmp_path, capsys):
    named = [model_file.load(model_path)]
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "more.kws").write_bytes(wake_word("more"))
    found = find_models(tmp_path, installed=False, named=named)
    assert [model.name for model in found] == ["more"] and capsys.readouterr().err == ""
    assert "'x' is no address" in refusal(model_path, "--models", tmp_path, "--uri", "x")
    (tmp_path / "deep" / "noise.kws").write_bytes(wake_word("another"))
    assert [m.name for m in find_models(tmp_path, installed=False, named=named)] == ["more"]
    assert "left out: rename it" in capsys.readouterr().err


def test_own_models_come_before_those_that_ship_and_damaged_ones_are_left_out(tmp_path, capsys):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "hey_cortana.kws").write_bytes(wake_word("hey cortana"))
    (tmp_path / "damaged.kws").write_bytes(wake_word()[:-1] + b"x")
    catalogue = Catalogue(find_models(tmp_path, installed=True))
    (own,) = catalogue.choose(["Hey Cortana"])
    assert own.model.path == tmp_path / "deep" / "hey_cortana.kws"
    assert len(catalogue.words) > 5
    told = capsys.readouterr().err
    assert "damaged.kws cannot be used" in told and "left out: rename it" in told
    assert [m.name for m in find_models(tmp_path, installed=False)] == ["hey_cortana"]


def test_words_are_asked_for_by_name_by_model_and_by_phrase(tmp_path):
    models = []
    for name, data in (
        ("two", two_words()),
        ("a", wake_word("hey you")),
        ("b", wake_word("Hey You")),
    ):
        (tmp_path / f"{name}.kws").write_bytes(data)
        models.append(model_file.load(tmp_path / f"{name}.kws"))
    catalogue = Catalogue(models)

    def names(asked: list[str] | None) -> list[str]:
        return [word.name for word in catalogue.choose(asked)]

    assert [word.name for word in catalogue.words] == ["two/low", "two/high", "a", "b"]
    assert names(None) == names([]) == ["a"]  # one phrase once, and no command word
    assert names(["two"]) == ["two/low", "two/high"] and names(["two/high"]) == ["two/high"]
    assert names(["LOW"]) == ["two/low"] and names(["hey_you"]) == ["a", "b"]
    assert names(["b", "high", "b"]) == ["b", "two/high"]
    assert [w.name for w in Catalogue(models[:1]).choose(None)] == ["two/low", "two/high"]
    with pytest.raises(ServingError, match="no wake word 'nobody': ask for two/low, two/high"):
        catalogue.choose(["nobody"])


def test_addresses():
    assert parse_uri("tcp://[::1]:10400") == ("::1", 10400, "")
    assert str(parse_uri("tcp://[::1]:10400")) == "tcp://[::1]:10400"
    assert is_loopback("127.0.0.1") and is_loopback("::1") and is_loopback("::ffff:127.0.0.1")
    assert not is_loopback("192.168.1.2") and not is_loopback("fe80::1%eth0")
    for wrong in ("tcp://host", "tcp://:1", "unix://", "stdio://", "tcp://[::1:1", "tcp://a:1/b"):
        with pytest.raises(ServingError, match="is no address"):
            parse_uri(wrong)


@pytest.mark.parametrize("host, version", [("0.0.0.0", 4), ("[::]", 6)])
def test_the_service_is_found_by_its_announcement(model_path, host, version):
    zeroconf = pytest.importorskip("zeroconf")
    command = [sys.executable, "-m", "kws", "serve", str(model_path), "--zeroconf"]
    process = subprocess.Popen(
        [*command, "--uri", f"tcp://{host}:0", "--allow", "127.0.0.1"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        if any(lack in line for lack in ("there is none", "finds no address", "cannot be served")):
            pytest.skip(line)
        port = int(line.split(";")[0].rpartition(":")[2])
        found: list[tuple[int, int]] = []
        with zeroconf.Zeroconf() as network:
            browser = zeroconf.ServiceBrowser(network, SERVICE, handlers=[lambda **_: None])
            deadline = 20
            name = f"kws on {socket.gethostname().partition('.')[0]}"[:63] + f".{SERVICE}"
            info = network.get_service_info(SERVICE, name, timeout=1000 * deadline)
            browser.cancel()
            if info is not None:
                told = map(ip_address, info.parsed_addresses())
                found = [(info.port or 0, address.version) for address in told]
        assert found == [(port, version)]
    finally:
        process.terminate()
        process.communicate()


def test_command_words_are_not_counted_as_wake_words(tmp_path, capsys):
    models = find_models(tmp_path, installed=True)
    assert f"{tmp_path} holds no .kws file" in capsys.readouterr().err
    counted = Catalogue(models).counted()
    assert re.fullmatch(r"\d+ wake words and 16 command words", counted), counted
    assert Catalogue(models[:1]).counted() == "1 wake word"
