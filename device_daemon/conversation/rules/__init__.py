"""The rules of a conversation: functions of its parts, an event and the time, which return commands.

From the ground up, each module calls those before it only:

    microphone_gate   what is done with microphone sound; what people may talk over
    steps             listen, ask for an answer, stop it, report a failure, end
    greeting          play it from the cache, or ask for it, until it was heard
    next_step         what comes next when nothing is being said
    responses         an answer: its sound, its end, why it was not heard
    barge_in          a person speaks: interrupting, and going on after a false interruption
    person            buttons, wake word, stop word, push-to-talk
    tools             calls of tools, and the permission of a person for them
    connection        sessions, reconnecting, errors of the service
    devices           the microphone and the speaker fail and recover
    timeouts          what happens when a deadline has passed
"""
