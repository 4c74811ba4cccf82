"""Each kind of light shows each state, on its pins; and one that does not work stops nobody from talking."""

from itertools import groupby, pairwise

from device_daemon.leds.level import DIMMEST
from device_daemon.leds.patterns import COLOURS, PATTERNS, TABLE
from device_daemon.leds.pwm_led import duty_cycle
from device_daemon.localservice.faults import NONE, Faults
from device_daemon.state import State
from scripts.rig.device import LED_PIN, Device
from tests.e2e.room import SPEECH, Room

PWM_PIN = 12
RGB_PINS = (6, 13, 19)
LIGHTS = [
    {"type": "led", "pin": LED_PIN},
    {"type": "pwm-led", "pin": PWM_PIN},
    dict(zip(("type", "red", "green", "blue"), ("rgb-led", *RGB_PINS), strict=True)),
]


def films(state: State) -> dict[int, list[float]]:
    """By pin: its levels in a state, one after the other, each as long as it lasts; not those that follow a voice."""
    look = TABLE[state]
    pattern = PATTERNS[look.pattern]
    levels = {LED_PIN: list(pattern.plain().levels)}
    if look.dimmable:
        return {LED_PIN: [level for level, _ in groupby(levels[LED_PIN])]}
    levels[PWM_PIN] = [duty_cycle(level) for level in pattern.levels]
    for pin, share in zip(RGB_PINS, COLOURS[look.colour], strict=True):
        levels[pin] = [duty_cycle(share * level) for level in pattern.levels]
    return {pin: [level for level, _ in groupby(film)] for pin, film in levels.items()}


def follows(newest: list[float], film: list[float]) -> bool:
    """Whether these levels are a stretch of the film, which goes round and round."""
    around = film * 3
    return any(around[start : start + len(newest)] == newest for start in range(len(film)))


def shown(device: Device, state: State) -> bool:
    """Whether the newest changes of all pins are those of a state."""
    for pin, film in films(state).items():
        changes = min(len(film), 3)
        newest = [change.level for change in device.changes_of(pin)][-changes:] or [0.0]
        if not follows(newest, film):
            return False
    return True


async def shows(device: Device, state: State) -> None:
    await device.wait_until(lambda: device.state == state, f"state {state}")
    await device.wait_until(lambda: shown(device, state), f"light of {state}")
    if TABLE[state].dimmable:
        before = len(device.changes_of(PWM_PIN))
        await device.wait_until(lambda: dances(device, before), f"a light that follows the voice of {state}")


def dances(device: Device, before: int) -> bool:
    """Whether the lights that can be dimmed became dimmer and, alike, brighter, but not fully lit as in other states."""
    levels = [change.level for change in device.changes_of(PWM_PIN)][before:]
    green = {change.level for change in device.changes_of(RGB_PINS[1])}
    rises = [later for earlier, later in pairwise(levels) if duty_cycle(DIMMEST) <= earlier < later < 1.0]
    return any(level in green for level in rises)


async def test_each_kind_of_light_shows_each_state(room: Room) -> None:
    async with room.speaker(lights=LIGHTS, greetings={"welcome": {"say": SPEECH}}) as device:
        assert [change.level for change in device.pin_changes[:1]] == [1.0], "starting begins lit"
        await shows(device, State.IDLE)
        room.service.faults = Faults(session_updated_delay_ms=1200)
        await device.press()
        await shows(device, State.CONNECTING)
        await shows(device, State.GREETING)
        await shows(device, State.LISTENING)
        room.service.faults = Faults(think_ms=1500)
        room.says()
        await shows(device, State.THINKING)
        await shows(device, State.SPEAKING)
        await device.ask("mute on")
        await shows(device, State.MUTED)
        await device.ask("mute off")
        room.service.faults = Faults(refuse_status=401)
        await device.press()
        await shows(device, State.ERROR)
        room.service.faults = Faults(refuse_status=429, retry_after_s=60)
        await device.press()
        await shows(device, State.OFFLINE)
        room.service.faults = NONE
    assert {change.pin for change in device.pin_changes} == {str(pin) for pin in (LED_PIN, PWM_PIN, *RGB_PINS)}


async def test_a_light_follows_the_person_where_the_owner_says_so(room: Room) -> None:
    lights = [{"type": "pwm-led", "pin": PWM_PIN, "patterns": {"listening": "level"}}]
    async with room.speaker(lights=lights) as device:
        await device.press()
        await device.enters("listening")
        dimmest = duty_cycle(DIMMEST)
        await device.wait_until(lambda: device.changes_of(PWM_PIN)[-1].level == dimmest, "dim in silence")
        before = len(device.changes_of(PWM_PIN))
        room.says()
        await device.enters("thinking")
        assert max(change.level for change in device.changes_of(PWM_PIN)[before:-1]) > 2 * dimmest


async def test_an_owner_can_choose_what_a_state_looks_like(room: Room) -> None:
    lights = [{"type": "led", "pin": LED_PIN, "active_high": False, "patterns": {"idle": "on", "listening": "off"}}]
    async with room.speaker(lights=lights) as device:
        await device.wait_until(lambda: device.led() == 0.0, "lit, by a low pin")
        await device.press()
        await device.enters("listening")
        await device.wait_until(lambda: device.led() == 1.0, "dark, by a high pin")
        await device.ask("stop")
        await device.wait_until(lambda: device.led() == 0.0, "lit again")


async def test_a_light_or_button_without_a_pin_stops_nobody_from_talking(room: Room) -> None:
    no_such_pin = 40
    async with room.speaker(
        lights=[{"type": "pwm-led", "pin": no_such_pin}, {"type": "led", "pin": LED_PIN}],
        triggers=[{"type": "button", "pin": 17}, {"type": "button", "pin": 41, "greeting": "welcome"}],
    ) as device:
        told = [line for line in device.log if f"pin {no_such_pin}" in line]
        assert len(told) == 1
        assert "choose one between 0 and 27" in told[0]
        assert "choose one between 0 and 27" in await device.wait_for_log("button on pin 41")
        assert device.state == "error", "whoever presses the other button must see that it does not work"
        health = (await device.status())["health"]
        assert "button on pin 41" in health["pins"]["reason"]
        assert f"pwm-led on pin {no_such_pin}" in health["lights"]["reason"]
        await device.press()
        await device.enters("listening")
        await device.wait_until(lambda: device.led() == 1.0, "light")
    assert sum(f"pin {no_such_pin}" in line for line in device.log) == 1
