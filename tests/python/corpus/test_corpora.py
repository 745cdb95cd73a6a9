"""Public corpora come whole from their servers, once, and are not mixed."""

import hashlib
import importlib.util
from pathlib import Path

import pytest
from archives import archive_of, plain
from refusals import one_sentence
from typer.testing import CliRunner
from web_servers import Handler

from kws.cli.main import app
from kws.corpus import corpora
from kws.corpus.corpora import Archive, download_speech_commands
from kws.errors import DownloadError


@pytest.fixture
def official(
    server: type[Handler], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> type[Handler]:
    """A small archive in the place of the official one."""
    archive = archive_of(tmp_path / "source", [plain("./yes/a.wav"), plain("./LICENSE")])
    server.content = archive.read_bytes()
    known = Archive(server.url, hashlib.sha256(server.content).hexdigest())
    monkeypatch.setattr(corpora, "SPEECH_COMMANDS", {"v0.02": known, "v0.01": known})
    monkeypatch.setattr(corpora, "LIBRISPEECH", dict.fromkeys(corpora.LIBRISPEECH, known))
    return server


def test_the_corpus_is_fetched_once_and_unpacked(official: type[Handler], tmp_path: Path) -> None:
    raw = tmp_path / "data" / "raw"
    for _ in range(2):
        folder = download_speech_commands("v0.02", raw)
        assert folder == raw / "speech_commands"
        assert (folder / "yes" / "a.wav").read_bytes() == b"x"
    assert len(official.seen) == 1
    assert [path.name for path in raw.iterdir()] == ["speech_commands"]


def test_a_corpus_of_another_origin_is_left_alone(official: type[Handler], tmp_path: Path) -> None:
    (tmp_path / "speech_commands").mkdir()
    with pytest.raises(DownloadError) as refusal:
        download_speech_commands("v0.02", tmp_path)
    assert "was not made by this command" in one_sentence(refusal)
    assert official.seen == []


def test_another_version_is_not_mixed_in(official: type[Handler], tmp_path: Path) -> None:
    download_speech_commands("v0.01", tmp_path)
    with pytest.raises(DownloadError, match=r"holds version v0\.01"):
        download_speech_commands("v0.02", tmp_path)


def test_an_unknown_version_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"no version 'v9'.*v0\.01, v0\.02"):
        download_speech_commands("v9", tmp_path)


def test_wake_data_survives_a_server_that_drops_and_one_that_corrupts(
    official: type[Handler], tmp_path: Path
) -> None:
    raw, good = tmp_path / "raw", official.content
    official.drop_after = [10, None]
    official.content = good[:-1] + b"?"
    command = ["download", "wake-data", "--to", str(raw)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1 and "arrived corrupted" in result.output
    assert not any(raw.iterdir())
    official.content = good
    result = CliRunner().invoke(app, command)
    folders = [
        raw / "speech_commands",
        *(raw / "librispeech" / part for part in corpora.LIBRISPEECH),
    ]
    assert result.output == "".join(f"{folder}\n" for folder in folders)
    assert all((folder / "yes" / "a.wav").read_bytes() == b"x" for folder in folders)
    assert len(list((raw / "librispeech").iterdir())) == 2
    asked = len(official.seen)
    assert CliRunner().invoke(app, command).output == result.output
    assert len(official.seen) == asked


def test_the_sums_are_those_of_torchaudio() -> None:
    spec = importlib.util.find_spec("torchaudio")
    assert spec and spec.origin
    folder = Path(spec.origin).parent / "datasets"  # read: to import it takes seconds
    known = "".join(
        (folder / f"{name}.py").read_text() for name in ("librispeech", "speechcommands")
    )
    for url, sum_ in [*corpora.SPEECH_COMMANDS.values(), *corpora.LIBRISPEECH.values()]:
        assert f'{url.rpartition("/")[2]}": "{sum_}"' in known
