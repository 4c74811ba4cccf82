"""The queue of requests that wait for the end of the conversation that is open."""

from __future__ import annotations

import logging

from device_daemon.conversation.policy import EndReason
from device_daemon.greetings.resolver import ConversationRequest

logger = logging.getLogger(__name__)

MAX_WAITING = 8
"""Requests that may wait for the end of a conversation."""


class WaitingRequests:
    """In the order in which they came."""

    def __init__(self) -> None:
        self._requests: list[ConversationRequest] = []

    def __len__(self) -> int:
        return len(self._requests)

    def add(self, request: ConversationRequest) -> int:
        """Let a request wait; return its place. Raises OverflowError where `MAX_WAITING` requests wait already."""
        if len(self._requests) >= MAX_WAITING:
            raise OverflowError
        self._requests.append(request)
        return len(self._requests)

    def withdraw(self, request: ConversationRequest) -> bool:
        """Drop a request that waits; return False if it does not wait any more."""
        others = [each for each in self._requests if each is not request]
        withdrawn = len(others) < len(self._requests)
        self._requests = others
        return withdrawn

    def stop(self, reason: EndReason) -> None:
        """Drop all, but announcements after a mute: they need no microphone."""
        stopped, self._requests = self._requests, []
        for request in stopped:
            if reason is EndReason.MUTED and not request.listens:
                self._requests.append(request)
            else:
                logger.info("%s: its request is dropped: %s", request.trigger, reason)
                request.on_said(str(reason))

    def talk_button_released(self) -> None:
        """Drop the requests of a push-to-talk button that is not held any more: nobody would speak."""
        self._requests = [request for request in self._requests if request.held_from_s is None]

    def next(self, now: float) -> ConversationRequest | None:
        """Return the next request; those whose time is over are dropped."""
        while self._requests:
            request = self._requests.pop(0)
            if request.expires_s is None or now <= request.expires_s:
                return request
            logger.info("%s: no conversation is opened, its time is over", request.trigger)
            request.on_said("its time is over")
        return None
