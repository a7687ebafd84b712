"""A project folder as git knows it."""

from pathlib import Path

from galley.environments.checkout import read_checkout
from tests.cli_cast import Shell


def test_a_folder_without_git_has_no_commit(tmp_path: Path) -> None:
    found = read_checkout(tmp_path)
    assert (found.git_commit, found.dirty) == (None, ())


def test_a_repository_without_a_commit_has_none_either(tmp_path: Path) -> None:
    Shell(tmp_path).git("init")
    assert read_checkout(tmp_path).git_commit is None


def test_only_what_lies_below_the_project_counts(tmp_path: Path) -> None:
    repository = Shell(tmp_path)
    repository.git("init")
    for path in ("project/a.sql", "project/b.sql", "project/c d.sql", "other/x.txt"):
        repository.write(path, path)
    repository.git("add", ".")
    repository.git("commit", "-m", "first")
    project = tmp_path / "project"
    found = read_checkout(project)
    assert found.git_commit is not None
    assert len(found.git_commit) == 40
    assert found.dirty == ()
    repository.write("project/a.sql", "changed")
    repository.write("project/new ü.sql", "new")
    repository.write("other/x.txt", "changed")
    repository.git("mv", "project/b.sql", "project/e.sql")
    assert read_checkout(project).dirty == ("a.sql", "e.sql", "new ü.sql")
