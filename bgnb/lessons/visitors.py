"""Voila with a limit on visitors: ``python -m bgnb.lessons.visitors``, with Voila's own options and ``--Classroom.kernels``.

Every visitor who runs a lesson has a kernel, and a machine has room for only so many. Whoever comes next reads a sentence
(``503.html``) instead of waiting for a kernel that would slow down all others.
"""

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.web import HTTPError
from traitlets import Integer
from voila.app import Voila
from voila.tornado.handler import TornadoVoilaHandler


class Kernels(AsyncMappingKernelManager):
    """Kernels that count from the moment they are asked for."""

    def __init__(self, **options):
        self.starting = set()
        super().__init__(**options)

    def check_room(self) -> None:
        """HTTPError 503 if there is no room for another visitor."""
        if len(self.starting.union(self.list_kernel_ids())) >= self.parent.kernels:
            raise HTTPError(503)

    async def start_kernel(self, **options) -> str:
        """Start a kernel: for a visitor only if there is room. One to keep ready replaces that of a visitor who was let in."""
        if options.get("env", {}).get("VOILA_PREHEAT") != "True":
            self.check_room()
        name = self.new_kernel_id()
        self.starting.add(name)
        try:
            return await super().start_kernel(kernel_id=name, **options)
        finally:
            self.starting.remove(name)


class Lesson(TornadoVoilaHandler):
    """A lesson, if there is room. Whoever has not shown the token is asked for it first."""

    async def get(self, path: str | None = None) -> None:
        """Answer a visitor."""
        if self.current_user:
            self.kernel_manager.check_room()
        await super().get(path)


class Classroom(Voila):
    """Voila with these two."""

    kernels = Integer(config=True, help="Kernels at a time: one for each visitor, and those that are kept ready.")

    def init_settings(self) -> dict:
        """Voila's settings, with our ``Kernels``."""
        self.voila_configuration.multi_kernel_manager_class = Kernels
        return super().init_settings()

    def init_handlers(self) -> list:
        """Voila's addresses, with our ``Lesson``."""
        return [(at, Lesson if what is TornadoVoilaHandler else what, *more) for at, what, *more in super().init_handlers()]


if __name__ == "__main__":
    Classroom.launch_instance()
