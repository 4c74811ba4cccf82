"""Which texts greetings can say, as far as these can be synthesised in advance."""

from hypothesis import given
from hypothesis import strategies as st

from device_daemon.config.settings import Audio, Config, ConversationLimits, EchoSettings, Greeting, Service
from device_daemon.greetings.variants import MAX_VARIANTS, Variant, is_cacheable, press_only, variants
from device_daemon.language.language import language_for

ENGLISH = language_for()
NAMES = {"name": "Lisa"}


def texts(**greetings: Greeting) -> list[str]:
    return [variant.text for variant in variants(greetings, NAMES, "kitchen", ENGLISH)]


def test_a_fixed_text_and_each_of_a_list_are_known() -> None:
    assert texts(one=Greeting(say="Hello!"), many=Greeting(say_one_of=["Hi!", "Hey."])) == ["Hello!", "Hi!", "Hey."]


def test_names_and_the_host_are_filled_in() -> None:
    assert texts(one=Greeting(say="{name}, this is {hostname} {{here}}.")) == ["Lisa, this is kitchen {here}."]


def test_each_part_of_the_day_and_each_weekday_is_a_text_of_its_own() -> None:
    assert texts(one=Greeting(say="Good {daypart}!")) == ["Good morning!", "Good afternoon!", "Good evening!"]
    assert len(texts(one=Greeting(say="A {weekday} {daypart}, {weekday}."))) == 21


def test_each_salutation_and_the_welcome_of_a_language_is_a_text_of_its_own() -> None:
    greetings = {"one": Greeting(say="{salutation}!"), "default": Greeting(say="{welcome}")}
    found = [variant.text for variant in variants(greetings, NAMES, "kitchen", language_for("de-DE"))]
    assert found == ["Hallo! Wie kann ich helfen?", "Guten Morgen!", "Guten Tag!", "Guten Abend!"]


def test_what_the_time_the_date_or_the_model_decides_is_not_known_nor_what_is_not_to_be_kept() -> None:
    fleeting = [Greeting(say=f"It is {{{name}}}") for name in ("time", "date", "since_last")]
    others = [Greeting(ask_model="Greet them."), Greeting(say="Hello!", cache=False)]
    assert texts(**{str(number): greeting for number, greeting in enumerate(fleeting + others)}) == []
    assert is_cacheable("Good {daypart}, {name}")
    assert not is_cacheable("It is {time}")


def test_the_plainest_come_first_and_there_is_a_bound() -> None:
    many = Greeting(say_one_of=[f"{{weekday}} {{daypart}} {number}" for number in range(5)])
    found = texts(many=many, plain=Greeting(say="Hello!"))
    assert found[0] == "Hello!"
    assert len(found) == MAX_VARIANTS


def test_a_greeting_keeps_its_own_voice() -> None:
    assert variants({"g": Greeting(say="Tag!", voice="de")}, {}, "h", ENGLISH) == [Variant("g", "Tag!", "de")]


def test_the_greetings_that_only_a_press_interrupts_are_those_from_the_cache_where_the_service_cancels_the_echo() -> (
    None
):
    greetings = {
        "cached": Greeting(say="Hello!"),
        "spoken anew": Greeting(say="Hello!", cache=False),
        "protected anyway": Greeting(say="Hello!", interruptible=False),
        "never the same": Greeting(say="It is {time}."),
        "of the model": Greeting(ask_model="Greet them."),
    }
    service = Service(local=True)
    by_service = Audio(echo=EchoSettings("service"))
    assert press_only(Config(service, greetings=greetings, audio=by_service)) == ["cached"]
    assert press_only(Config(service, greetings=greetings, audio=Audio(echo=EchoSettings("hardware")))) == []
    protected = ConversationLimits(interruptible=False)
    assert press_only(Config(service, greetings=greetings, audio=by_service, conversation=protected)) == []


@given(st.dictionaries(st.text(min_size=1), st.sampled_from(["Hi", "{daypart}", "{weekday}{daypart}", "{time}"])))
def test_no_text_comes_twice(says: dict[str, str]) -> None:
    found = variants({name: Greeting(say=say) for name, say in says.items()}, {}, "h", ENGLISH)
    assert len(found) == len(set(found)) <= MAX_VARIANTS
