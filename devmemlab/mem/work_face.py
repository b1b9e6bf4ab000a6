"""The end of bindings, for Python: unbind, and the work that is left over.

Law.   Unbinding waits for nobody; what it leaves behind is freed when its last user lets go.
Reads. Spec sections 4.3, 4.6 and 6.8.
Omits. Closing queues: the caller of `unbind` passes a function that does.
"""

import numpy as np

from devmemlab.base.errno import EINVAL, error
from devmemlab.mem.binding import binding_erase, binding_free, binding_kill
from devmemlab.mem.page_pool import page_pool_inflight, page_pool_run_retries


class Leftovers:
    """The part of `Mem` that unbinds and cleans up."""

    def unbind(self, binding, close_queues=None, trace=None):
        """Unbind: the id goes at once, the rest when the last user lets go.

        Parameters
        ----------
        binding : int
            Row.
        close_queues : callable, optional
            Called between the two halves, to close the queues it serves.
        trace : Trace, optional
            Records it.
        """
        if not 0 < binding < len(self.providers.binding) or not self.providers.binding[binding].live:
            raise error(EINVAL, f"{binding} is not a live binding: it was never made, or is unbound already")
        binding_erase(self.providers, trace, binding)
        if close_queues is not None:
            close_queues()
        binding_kill(self.providers, binding)

    def uninstall(self, binding):
        """The device of a binding goes away; tokens and pools of it live on.

        Parameters
        ----------
        binding : int
            Row.
        """
        self.providers.binding[binding].ifindex = 0

    def run_work(self, now_ns, trace=None):
        """Do what is due: retries of detached pools, then bindings whose last reference went.

        Parameters
        ----------
        now_ns : int
            Present time.
        trace : Trace, optional
            Records it.

        Returns
        -------
        next_ns : int or None
            When to call again, None when nothing waits.
        """
        next_ns = page_pool_run_retries(self.pools, self.netmems, self.providers, trace, now_ns)
        if self.watch is not None:
            self.watch()
        if next_ns >= 0:
            self._log_stalls(now_ns)
        if self.providers.ctl[0].pending:
            for binding in np.nonzero(self.providers.binding.dying)[0]:
                self._free_dying(int(binding), trace)
        return None if next_ns < 0 else int(next_ns)

    def _log_stalls(self, now_ns):
        """Log the warnings that retries have counted.

        Parameters
        ----------
        now_ns : int
            Present time.
        """
        for pool in np.nonzero(self.pools.ctl.alive * self.pools.ctl.warnings)[0]:
            ctl = self.pools.ctl[pool]
            if self._warned.get(int(ctl.id), 0) < ctl.warnings:
                self._warned[int(ctl.id)] = int(ctl.warnings)
                self.log.append(f"page_pool_release_retry() stalled pool shutdown: id {ctl.id}, "
                                f"{page_pool_inflight(self.pools, pool)} inflight {(now_ns - ctl.detach_ns) // 10**9} sec")

    def _free_dying(self, binding, trace):
        """Run the work item of one binding.

        Parameters
        ----------
        binding : int
            Row.
        trace : Trace or None
            Records it.
        """
        own = self.providers.binding[binding]
        missing = binding_free(self.netmems, self.providers, self.dmabufs, trace, binding)
        taken, _ = self._taken.pop(binding)
        if missing:
            self.log.append(f"binding {own.id}: {missing} bytes never came back; its allocator is leaked on purpose")
        else:
            for name, first, count in taken:
                self.ranges[name].give(first, count)
        own.kind = 0
        self.reap_dmabuf(int(own.dmabuf))
