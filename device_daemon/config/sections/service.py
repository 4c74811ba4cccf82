"""The sections `service` and `assistants`: which voice service, how to sign in, and what its session is like."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from device_daemon.config.sections.value_types import IN_MS, Text
from device_daemon.language import locales

TurnDetection = Annotated[
    dict[str, Any],
    Meta(extra={"allowed": "a mapping such as {type: azure_semantic_vad} (push-to-talk is the mode of a button)"}),
]


class Agent(Struct, frozen=True, forbid_unknown_fields=True):
    """A Foundry agent that answers instead of a model; needs `auth: entra`."""

    name: Text
    """The agent's name."""
    project: Text
    """The Foundry project the agent lives in."""
    version: Text | None = None
    """The agent's version; the newest if left out."""


class Entra(Struct, frozen=True, forbid_unknown_fields=True):
    """As which Microsoft Entra identity to sign in, with `auth: entra`; a single word stands for `method`."""

    shorthand: ClassVar[str] = "method"

    method: Literal["auto", "device-code", "managed-identity", "service-principal", "workload-identity"] = "auto"
    """How to get a token; auto tries what the environment, the machine and the Azure CLI offer."""
    tenant_id: (
        Annotated[
            str, Meta(pattern=r"^[A-Za-z0-9.-]+$", extra={"allowed": "an ID, or a domain such as contoso.example"})
        ]
        | None
    ) = None
    """The tenant: its ID, or a domain of it."""
    client_id: Text | None = None
    """The app's (client) ID; of a managed identity, only if it is a user-assigned one."""
    client_secret_file: Text | None = None
    """service-principal: a file that holds the client secret, if it is no systemd credential."""
    certificate_file: Text | None = None
    """service-principal: a file that holds the certificate and its private key (PEM), if it is no systemd credential."""
    token_file: Text | None = None
    """workload-identity: the file that holds the token to be exchanged; default: AZURE_FEDERATED_TOKEN_FILE."""


class InterimResponse(Struct, frozen=True, forbid_unknown_fields=True):
    """What the service says by itself while its model or a tool takes long; for models that are not realtime models."""

    triggers: list[Literal["latency", "tool"]] = field(default_factory=lambda: ["latency", "tool"])
    """When: the model takes long, a tool is called."""
    texts: list[Text] = field(default_factory=list)
    """One of these is said; without them a model makes one up."""
    instructions: Text | None = None
    """For the model that makes one up."""
    latency_threshold_ms: Annotated[int, Meta(ge=0, le=60_000, extra=IN_MS)] = 2000
    """After so many milliseconds of waiting."""


class Service(Struct, frozen=True, forbid_unknown_fields=True):
    """Which voice service, how to sign in, and what its session is like."""

    endpoint: Text | None = None
    """Address of the Azure resource; https:// or wss://, and ws:// or http:// only to this machine."""
    local: bool = False
    """Use the voice service on this machine instead of an endpoint: no account, no network."""
    model: Text = "gpt-realtime"
    """The model that answers."""
    agent: Agent | None = None
    """A Foundry agent that answers instead of a model."""
    auth: Literal["api-key", "entra"] = "api-key"
    """How to sign in: with an API key, or as a Microsoft Entra identity."""
    entra: Entra = Entra()
    """As which Microsoft Entra identity, with `auth: entra`; one word, or keys below it."""
    api_key_file: Text | None = None
    """A file that holds the API key, and that only the speaker can read."""
    voice: Text | None = None
    """The voice that speaks; by default one of the `language`, en-US-Ava:DragonHDLatestNeural without one."""
    instructions: str = ""
    """Who the speaker is and how it answers."""
    turn_detection: TurnDetection = field(default_factory=dict)
    """Voice activity detection (VAD) of the service, by default that for the `language` (azure_semantic_vad for English);
    passed on as it is, after its names are checked."""
    noise_reduction: Literal["azure_deep_noise_suppression", "near_field", "far_field", "off"] = (
        "azure_deep_noise_suppression"
    )
    """Noise suppression in the service."""
    transcription: bool = False
    """Have the service transcribe what people say."""
    phrase_list: list[Text] = field(default_factory=list)
    """Words that the service is to expect, such as names; with one, what people say is transcribed."""
    interim_response: InterimResponse | None = None
    """What the service says while it takes long, such as {triggers: [tool], texts: ["One moment."]}."""
    standby: Literal["off", "after-conversation", "always"] = "off"
    """Keep a session ready for the next press: not at all, for some minutes after a conversation, or always."""
    proxy: Text | None = None
    """An HTTP proxy on the way to the service, http://host:port."""
    ca_file: Text | None = None
    """A file of CA certificates (PEM) that are trusted as well as the system's, for a proxy that inspects TLS."""


class Assistant(Struct, frozen=True, forbid_unknown_fields=True):
    """Another assistant: what it sets takes the place of the same setting under `service`."""

    model: Text | None = None
    """The model that answers."""
    agent: Agent | None = None
    """A Foundry agent that answers instead of a model."""
    voice: Text | None = None
    """The voice that speaks; by default that of the assistant's language, if it has one, else that of the service."""
    language: locales.Tag | None = None
    """The language of the greetings' placeholders and, by default, of the voice."""
    instructions: str | None = None
    """Who this assistant is and how it answers."""
    phrase_list: list[Text] | None = None
    """Words that the service is to expect from whoever talks to it."""
    tools: list[Text] | None = None
    """Which tools it has, of those that `tools` below gives to all: built-in ones, or the names of your own."""

    def of(self, service: Service) -> Service:
        """Return the settings of the service with those of this assistant in their place."""
        names = ("model", "agent", "voice", "instructions", "phrase_list")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        # What it does without: an agent where it has a model, the voice of another language.
        unset = {"agent": None} if self.model else {}
        unset |= {"voice": None} if self.language else {}
        return replace(service, **(unset | given))
