"""A project where its home is, and through a server of it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.inside import Inside
from tests.cli_cast import Ran
from tests.integration.api.conftest import Served


@dataclass(frozen=True)
class Both:
    """Ana in a project's folder, where its home is and with a server of it."""

    served: Served
    contexts: Path

    def here(self, *arguments: str) -> Ran:
        works = self.served.works
        environ = {"GALLEY_HOME": str(self.served.home.path)}
        if works.url is not None:
            environ["GALLEY_DATABASE"] = works.url
        return Inside(works.folder).galley(*arguments, **environ)

    def heads(self) -> dict[str, str]:
        """Every ref with the commit it shows, as the home knows it."""
        refs = self.here("kitchen", "--json").json["refs"]
        return {ref["ref"]: ref["head"] for ref in refs}

    def there(self, *arguments: str, folder: Path | None = None) -> Ran:
        """The same with nothing of the home at hand."""
        nothing = str(self.contexts.with_name("nothing"))
        environ = {"GALLEY_CONTEXTS": str(self.contexts), "GALLEY_HOME": nothing}
        inside = Inside(folder or self.served.works.folder)
        return inside.galley("--context", "shop", *arguments, **environ)

    def another_folder(self, times: int) -> Path:
        """Somebody else's files of the project."""
        works = self.served.works
        folder = works.root / f"times-{times}"
        shutil.copytree(works.folder, folder)
        sql = folder / "pipelines/p/orders.sql"
        sql.write_text(sql.read_text().replace("amount * ", f"{times} * amount * "))
        return folder

    def total(self, ref: str) -> int:
        """What the orders of a ref come to."""
        told = self.there("sql", "SELECT sum(amount) AS n FROM orders", "--at", ref, "--json")
        return int(told.json["rows"][0]["n"])
