"""Renders what the person in the virtual machine's room says: `python -m tests.vm.person FOLDER`."""

from __future__ import annotations

import sys
import wave
from pathlib import Path

from scripts.rig.utterance import VOICE_RATE_HZ, utterance

SENTENCES = {
    "question": "Hello there. What are you, and what can you do for me?",
    "interruption": "Stop, please. That is quite enough of that for today, thank you very much.",
}


def main() -> None:
    """One WAV file for each sentence: 24 kHz, mono."""
    folder = Path(sys.argv[1])
    for name, sentence in SENTENCES.items():
        with wave.open(str(folder / f"{name}.wav"), "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(VOICE_RATE_HZ)
            wav.writeframes(utterance(sentence).tobytes())


if __name__ == "__main__":
    main()
