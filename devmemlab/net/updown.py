"""The whole device: up, down, reset, rebuilt with other settings, and gone.

Law.   Whatever fails on the way up or over to other settings, the device ends with the memory and the settings it had.
Reads. Linux net/core/dev.c (dev_open, dev_close, unregister_netdevice_many); spec sections 8.4 and 18.2 E, F, I.
Omits. Carrier, notifiers, qdiscs.

The first design of device memory TCP reset the whole device for each queue that it bound. `reset` is that design; a device
uses it when its ``restart_design`` is ``"device"``. What it costs the other queues is in ``costs``.
"""

from devmemlab.base.errno import ENODEV, error, name_of
from devmemlab.mem.dmabuf import TO_DEVICE
from devmemlab.mem.page_pool import page_pool_unreg_netdev
from devmemlab.net.queue_ops import default_config, post
from devmemlab.net.restart import Costs


class UpDown:
    """The part of a network device that handles all its queues at once."""

    def open(self):
        """Bring the interface up: memory for every queue, then all of them live.

        Raises
        ------
        OSError
            The driver's; the interface is down as before. ENODEV: it is not registered any more.
        """
        if not self.registered:
            raise error(ENODEV, f"{self.name} was unregistered and does not come back; host.add_nic() makes another")
        if self.running:
            return
        made, live = [], 0
        self.ctl.up = 1
        try:
            for queue in range(self.real_num_rx_queues):
                made.append(self.operate("mem_alloc", queue, default_config(self, queue)))
            for queue, blob in enumerate(made):
                self.operate("start", queue, blob)
                live += 1
        except OSError:
            for queue in range(live):
                self.driver.stop(self, queue)
            self.ctl.up = 0
            for blob in made:
                self.free(blob)
            raise

    def close(self):
        """Take the interface down: queues stop, their pools go; stored providers stay."""
        if not self.running:
            return
        for queue in range(self.real_num_rx_queues):
            self.free(self.driver.stop(self, queue))
        self.ctl.up = 0

    def reset(self, queue, undo=None):
        """Take the whole device down and up again, because one queue needs other memory.

        Parameters
        ----------
        queue : int
            Index within this device.
        undo : callable, optional
            Takes back what the reset was for, when it fails.

        Raises
        ------
        OSError
            The driver's, or ENODATA; the device is up again without the change, if that is possible at all. On a device that
            is down, settings are only tried.
        """
        if not self.running:
            self.free(self.operate("mem_alloc", queue, default_config(self, queue)))
            return
        with Costs(self, "device", queue):
            self.close()
            try:
                self.pause(self.restart_ns)
                self.open()
                self.check_provider(queue)
            except BaseException:
                self.close()
                if undo is not None:
                    undo()
                self._open_again()
                raise
        self.restarts[queue] = self.restarts.get(queue, 0) + 1

    def _open_again(self):
        """Bring the device up with what it had; if even that fails it stays down, which is said aloud."""
        try:
            self.open()
        except OSError as err:
            self.mem.log.append(f"{self.name}: WARNING: the device stays down after a failed reset ({name_of(err.errno)})")

    def change(self, **settings):
        """Change settings that every queue depends on, and rebuild all queues with them.

        Parameters
        ----------
        **settings
            Attributes of this device and their new values.

        Raises
        ------
        OSError
            The driver's; settings and queues are as before.
        """
        before = {name: getattr(self, name) for name in settings}
        old_count = self.real_num_rx_queues
        self._set(settings)
        if not self.running:
            return
        new = []
        try:
            for queue in range(self.real_num_rx_queues):
                new.append(self.operate("mem_alloc", queue, default_config(self, queue)))
        except OSError:
            self._set(before)
            for blob in new:
                self.free(blob)
            raise
        with Costs(self, "settings"):
            self._switch(old_count, new, before)

    def _switch(self, old_count, new, before):
        """Stop the old queues, start the new ones, and free what the old ones ran on.

        Parameters
        ----------
        old_count : int
            Queues that are live.
        new : list of QueueMemory
            For the queues that shall be live.
        before : dict
            Settings to go back to.
        """
        old, live = [], 0
        try:
            for queue in range(old_count):
                old.append(self.operate("stop", queue))
            self.pause(self.restart_ns)
            for queue, blob in enumerate(new):
                self.operate("start", queue, blob)
                live += 1
        except BaseException:
            for queue in range(live):
                self.driver.stop(self, queue)
            self._set(before)
            for queue, blob in enumerate(old):
                self.start_again(queue, blob)
            for blob in new:
                self.free(blob)
            raise
        for blob in old:
            self.free(blob)
        for queue in range(len(new)):
            post(self, queue)

    def _set(self, settings):
        """Store settings.

        Parameters
        ----------
        settings : dict
            Attribute to value.
        """
        for name, value in settings.items():
            setattr(self, name, value)

    def unregister(self):
        """Remove the device while bindings may still name its queues: they lose it, and live on without.

        Notes
        -----
        Pools with buffers out become visible on the loopback device. A binding for transmission has no queues, so nothing
        tells it (quirk Q19); ``quirks["tx_binding_keeps_device"] = False`` does.
        """
        if not self.registered:
            return
        self.close()
        self.registered = False
        self.xdp = None
        self.xsk_pools.clear()
        for queue in sorted(self.providers):
            self.uninstall(queue)
        if not self.quirks["tx_binding_keeps_device"]:
            for binding, own in enumerate(self.mem.providers.binding):
                if own.kind and own.direction == TO_DEVICE and own.ifindex == self.ifindex:
                    self.mem.uninstall(binding)
        page_pool_unreg_netdev(self.mem.pools, self.ifindex)
        self.poke()
