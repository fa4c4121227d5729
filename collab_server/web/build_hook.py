"""Hatchling's build hook: wheels, sdists and editable installs carry the built web pages."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from types import ModuleType


class WebBuildHook(BuildHookInterface[Any]):
    """Runs ``build.py`` beside this file before anything is packed."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node from PyPI, only where the machine has none and there is something to build."""
        return list(self._build().missing_requirements())

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the pages; a failure ends the build with one line."""
        module = self._build()
        try:
            if module.build():
                self.app.display_info("web pages built")
        except module.WebBuildError as error:
            self.app.abort(str(error))

    def _build(self) -> ModuleType:
        # Hatchling loads this file by its path: what lies beside it cannot be imported by name.
        name = "tandem_web_build"
        if name not in sys.modules:
            path = Path(self.root, "collab_server", "web", "build.py")
            spec = importlib.util.spec_from_file_location(name, path)
            if spec is None or spec.loader is None:
                raise FileNotFoundError(path)
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
        return sys.modules[name]
