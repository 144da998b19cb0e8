"""A local AIO Sandbox service that does the work: real processes, real files, real kernels."""

from .harness import Fake, start_fake

__all__ = ["Fake", "start_fake"]
