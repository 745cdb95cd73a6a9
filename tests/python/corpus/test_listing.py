"""What a corpus holds: words, speakers and splits by its lists, its hash or its folders."""

from pathlib import Path

import numpy as np
import pytest
from clips import clip_of, write_clips
from refusals import one_sentence

from kws.audio.files import write_audio
from kws.corpus.listing import (
    SILENCE,
    UNKNOWN,
    background_noise,
    classes_folder,
    speech_commands,
)
from kws.corpus.splits import SPLITS, speaker_split
from kws.errors import CorpusError


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A small folder in the layout of Speech Commands: 3 words, 6 speakers, noise, lists."""
    root = tmp_path / "speech_commands"
    for word in ("yes", "no", "bird", "cat"):
        write_clips(root / word, [f"{speaker}_nohash_0.wav" for speaker in "abcdef"])
    write_audio(
        root / "_background_noise_" / "hum.wav",
        (3000 * np.sin(np.arange(4000) * 0.1)).astype(np.int16),
    )
    for split, speaker in (("validation", "e"), ("testing", "f")):
        words = ("yes", "no", "bird", "cat")
        lines = "".join(f"{word}/{speaker}_nohash_0.wav\n" for word in words)
        (root / f"{split}_list.txt").write_text(lines)
    return root


def test_the_official_hash_agrees_with_the_published_lists() -> None:
    """Lines of the validation_list.txt, testing_list.txt and remaining files of v0.02."""
    official = {
        "validation": ["7a49163e_nohash_0", "026290a7_nohash_0", "060cd039_nohash_0"],
        "testing": ["0c40e715_nohash_0", "0ea0e2f4_nohash_0", "105a0eea_nohash_0"],
        "train": ["004ae714_nohash_0", "00f0204f_nohash_0", "012c8314_nohash_0"],
    }
    for split, stems in official.items():
        assert [speaker_split(stem) for stem in stems] == [split] * 3


def test_a_speaker_stays_in_one_split() -> None:
    for speaker in ("7a49163e", "0c40e715", "004ae714"):
        assert len({speaker_split(f"{speaker}_nohash_{number}") for number in range(50)}) == 1


def test_the_lists_decide_whatever_the_suffix(corpus: Path) -> None:
    path = corpus / "yes" / "e_nohash_0.wav"
    write_audio(path.with_suffix(".flac"), clip_of(5))
    path.unlink()
    splits = {(clip.word, clip.path.name): clip.split for clip in speech_commands(corpus)}
    assert splits["yes", "e_nohash_0.flac"] == "validation"
    assert splits["no", "f_nohash_0.wav"] == "testing"
    assert speaker_split("e") == speaker_split("f") == "train"  # the lists overrule the hash
    # In neither list: by the speaker's hash.
    assert splits["no", "a_nohash_0.wav"] == "train"
    assert splits["no", "b_nohash_0.wav"] == "testing"


@pytest.mark.parametrize(
    "entry",
    ["{root}/yes/a_nohash_0.wav", "corpus/yes/a_nohash_0.wav", '"yes/a_nohash_0.wav"',
     ".//yes/a_nohash_0.wav", "././yes/a_nohash_0.wav", "no/../yes/a_nohash_0.wav",
     ".\\yes\\a_nohash_0.wav"],
)  # fmt: skip
def test_a_list_names_clips_as_programs_write_paths(corpus: Path, entry: str) -> None:
    with (corpus / "testing_list.txt").open("a") as file:
        file.write(entry.format(root=corpus) + "\n")
    splits = {(clip.word, clip.path.stem): clip.split for clip in speech_commands(corpus)}
    assert (splits["yes", "a_nohash_0"], splits["no", "a_nohash_0"]) == ("testing", "train")


def test_lines_of_a_list_that_match_no_clip_are_counted_and_told(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    speech_commands(corpus)
    assert capsys.readouterr().err == ""
    with (corpus / "testing_list.txt").open("a") as file:
        file.write("a_nohash_0.wav\nyes/z_nohash_0.wav\n")
    speech_commands(corpus)
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{corpus / 'testing_list.txt'}: 2 of 6 lines match no clip, such as" in line


def test_without_lists_the_speaker_hash_decides(corpus: Path) -> None:
    (corpus / "validation_list.txt").unlink()
    (corpus / "testing_list.txt").unlink()
    clips = speech_commands(corpus)
    assert [clip.split for clip in clips] == [speaker_split(clip.path.stem) for clip in clips]


def test_noise_is_no_word_and_clips_are_sorted(corpus: Path) -> None:
    clips = speech_commands(corpus)
    assert sorted({clip.word for clip in clips}) == ["bird", "cat", "no", "yes"]
    assert [clip.path for clip in clips] == sorted(clip.path for clip in clips)
    assert len(clips) == 24


@pytest.mark.parametrize("kind", ["missing", "empty", "a file"])
def test_a_folder_without_words_names_the_download(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "corpus"
    if kind == "empty":
        folder.mkdir()
    elif kind == "a file":
        folder.touch()
    with pytest.raises(CorpusError) as refusal:
        speech_commands(folder)
    message = one_sentence(refusal)
    assert str(folder) in message
    assert "kws download speech-commands" in message


def test_a_damaged_list_is_named(corpus: Path) -> None:
    (corpus / "testing_list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CorpusError, match=r"cannot read .*testing_list\.txt"):
        speech_commands(corpus)


def test_each_split_hears_its_own_stretch_of_the_noise(corpus: Path) -> None:
    (whole,) = background_noise(corpus)
    parts = [background_noise(corpus, split)[0] for split in SPLITS]
    assert np.concatenate(parts).tolist() == whole.tolist()
    assert [len(part) for part in parts] == [2800, 600, 600]


def test_a_corpus_without_noise_has_an_empty_list(tmp_path: Path) -> None:
    assert background_noise(tmp_path) == []


def test_an_unknown_split_is_named(corpus: Path) -> None:
    with pytest.raises(CorpusError, match="no split 'test'"):
        background_noise(corpus, "test")


def test_folders_are_classes(tmp_path: Path) -> None:
    for name in ("yes/a.wav", "no/deep/b.flac", "_unknown_/c.ogg", "_silence_/d.opus"):
        write_audio(tmp_path / name, clip_of(9))
    for name in ("_background_noise_/hum.wav", ".trash/e.wav"):
        write_audio(tmp_path / name, clip_of(9))
    found = [(path.name, word) for path, word in classes_folder(tmp_path)]
    assert found == [
        ("d.opus", SILENCE), ("c.ogg", UNKNOWN), ("b.flac", "no"), ("a.wav", "yes"),
    ]  # fmt: skip


def test_class_folders_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    (tmp_path / "flat").mkdir()
    (tmp_path / "hollow" / "yes").mkdir(parents=True)
    for name, said in [
        ("missing", "is no folder"),
        ("flat", "holds no folders named by word"),
        ("hollow", "yes holds no sound files"),
    ]:
        with pytest.raises(CorpusError) as refusal:
            classes_folder(tmp_path / name)
        assert said in one_sentence(refusal)


@pytest.mark.recordings
def test_the_real_corpus_lists_and_hash_agree(recordings: Path) -> None:
    clips = speech_commands(recordings / "speech_commands")
    assert len(clips) > 30_000
    assert all(clip.split == speaker_split(clip.path.stem) for clip in clips)
