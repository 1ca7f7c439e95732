"""Sharing one machine: what a job needs, the queue it waits in, and models kept in memory while they are used."""

from metagpt.lab.compute.need import Need
from metagpt.lab.compute.queue import ComputeQueue, Ticket
from metagpt.lab.compute.shelf import ModelShelf

__all__ = ["ComputeQueue", "ModelShelf", "Need", "Ticket"]
