/*
 * The simulated card's file, as the plugin sees it: a header, a microphone track that tests write, and a speaker track
 * that the plugin writes. card.py is the other side; the two must agree on struct card and on the tracks' layout.
 *
 * Both tracks are indexed by the card's frame number, which is nothing but the time:
 * frame = (CLOCK_MONOTONIC - zero) * rate. So there is no daemon and no thread: what is played is put at the frame at
 * which it will be heard, what is captured is looked up at the frame at which it was said.
 *
 * A track is a ring of blocks. Each block carries the number of the block of time it was last written for (plus one);
 * a block of another lap reads as silence, so nothing ever has to be swept, and silence takes no memory.
 */
#pragma once
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define MAGIC 0x44524143u /* "CARD" */
#define BLOCK_FRAMES 1024u
#define MAX_TAPS 8192u
#define MAX_HEAR 8192u   /* frames of a room that are computed at once */
#define TAGS_OFFSET 65536u /* then: microphone tags, speaker tags, microphone samples, speaker samples */
#define NS 1000000000ull

struct card {
	uint32_t magic, rate_hz, channels, blocks; /* blocks: how many there are in each track's ring */
	uint64_t zero_ns;                          /* CLOCK_MONOTONIC at frame 0 */
	/* One bit for each direction, 1 << SND_PCM_STREAM_*: unplugged, busy, stuck. The count, 16 bits for each, tells an
	 * open PCM that it was unplugged and is back. */
	uint32_t unplugged, unplug_count;
	uint32_t busy, stuck, coarse_pointer, taps;
	uint32_t open_delay_ms, params_delay_ms;   /* a driver that takes its time to open, or to agree on parameters */
	uint32_t least_period_ms, most_period_ms;  /* 0: 1 ms, and 1 s */
	uint32_t mixer, mixer_volume, mixer_off;   /* whether there is one; 0..207; its switch */
	uint32_t voice_channel;                    /* 1 + the only one that hears anything, as of an array; 0: all do */
	uint32_t refuses;                          /* a bit for each direction: the parameters it offered itself */
	uint32_t pid[2], running[2], xruns[2];     /* [0] playback, [1] capture, as SND_PCM_STREAM_*; pid: the last opener's */
	uint64_t late_frames;                      /* written when their moment had passed: never heard */
	uint64_t captured_until;                   /* one past the last frame that any program was given */
	int32_t capture_ppm;                       /* how much faster than nominal the microphone's clock runs */
	float clip_ceiling, clip_drive;            /* the loudspeaker: ceiling * tanh(sample * drive / ceiling); 0: linear */
	float noise;                               /* of the room, effective value */
	float response[MAX_TAPS];                  /* the room: impulse response from speaker to microphone, `taps` long */
};
_Static_assert(sizeof(struct card) == 144 + 4 * MAX_TAPS, "tracks.py counts on this layout");

static inline bool has(uint32_t bits, int direction)
{
	return bits >> direction & 1;
}

static inline uint32_t unplugs(const struct card *card, int direction)
{
	return card->unplug_count >> 16 * direction & 0xffff;
}

struct track {
	uint64_t *tag;
	int16_t *samples; /* interleaved */
	unsigned channels;
};

static inline struct track microphone_of(struct card *card)
{
	uint64_t *tags = (uint64_t *)((char *)card + TAGS_OFFSET);
	return (struct track){tags, (int16_t *)(tags + 2 * (size_t)card->blocks), 1};
}

static inline struct track speaker_of(struct card *card)
{
	struct track microphone = microphone_of(card);
	return (struct track){microphone.tag + card->blocks, microphone.samples + (size_t)card->blocks * BLOCK_FRAMES,
			      card->channels};
}

/* How many frames are over, which is the number of the one that sounds now. */
static inline uint64_t frame_now(const struct card *card)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	uint64_t ns = (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec - card->zero_ns;
	return ns / NS * card->rate_hz + ns % NS * card->rate_hz / NS;
}

/* The first nanosecond at which frame_now() says `frame`. */
static inline uint64_t time_of(const struct card *card, uint64_t frame)
{
	uint64_t rest = frame % card->rate_hz;
	return card->zero_ns + frame / card->rate_hz * NS + (rest * NS + card->rate_hz - 1) / card->rate_hz;
}

/* Where a frame lies in its track, or NULL if nothing was written there in this lap and nothing shall be now. */
static inline int16_t *track_at(const struct card *card, const struct track *track, uint64_t frame, bool write)
{
	uint64_t block = frame / BLOCK_FRAMES, slot = block % card->blocks;
	int16_t *samples = track->samples + slot * BLOCK_FRAMES * track->channels;
	if (__atomic_load_n(&track->tag[slot], __ATOMIC_ACQUIRE) != block + 1) {
		if (!write)
			return NULL;
		memset(samples, 0, BLOCK_FRAMES * track->channels * sizeof *samples);
		__atomic_store_n(&track->tag[slot], block + 1, __ATOMIC_RELEASE);
	}
	return samples + frame % BLOCK_FRAMES * track->channels;
}

/* How many of some frames from `frame` on lie side by side in a track. */
static inline uint64_t in_block(uint64_t frame, uint64_t frames)
{
	uint64_t rest = BLOCK_FRAMES - frame % BLOCK_FRAMES;
	return frames < rest ? frames : rest;
}

/* The loudspeaker's sound in the room from a frame on, without the room's delay; false where nothing was played. */
static inline bool radiated(struct card *card, uint64_t frame, float *samples, uint64_t frames)
{
	struct track speaker = speaker_of(card);
	bool any = false;
	memset(samples, 0, frames * sizeof *samples);
	for (uint64_t done = 0, piece; done < frames; done += piece) {
		piece = in_block(frame + done, frames - done);
		const int16_t *played = track_at(card, &speaker, frame + done, false);
		if (!played)
			continue;
		any = true;
		for (uint64_t i = done; i < done + piece; i++, played += card->channels) {
			float sum = 0;
			for (unsigned c = 0; c < card->channels; c++)
				sum += (float)played[c] / (float)card->channels;
			samples[i] = card->clip_ceiling > 0
					     ? card->clip_ceiling * tanhf(sum * card->clip_drive / card->clip_ceiling)
					     : sum;
		}
	}
	return any;
}

/* A sample of the room's response to the sound that ends at `latest`. */
__attribute__((optimize("O3", "fast-math"))) static inline float reflected(const float *response, const float *latest,
									      uint32_t taps)
{
	float sum = 0;
	for (uint32_t i = 0; i < taps; i++)
		sum += response[i] * latest[-(int64_t)i];
	return sum;
}

/* White noise that is the same on every run: of a frame's number. */
static inline float noise_at(uint64_t frame)
{
	uint64_t x = frame * 0x9E3779B97F4A7C15ull;
	x = (x ^ x >> 31) * 0xBF58476D1CE4E5B9ull;
	return ((float)(x >> 40) / (float)(1u << 24) - 0.5f) * 3.46f; /* uniform, effective value 1 */
}

/* Mono sound at the microphone from a frame on: the person, the loudspeaker by way of the room, noise. */
static inline void sound_in_room(struct card *card, uint64_t frame, int16_t *samples, uint64_t frames)
{
	static float window[MAX_TAPS + MAX_HEAR];
	struct track microphone = microphone_of(card);
	uint32_t taps = card->taps < MAX_TAPS ? card->taps : MAX_TAPS;
	uint64_t before = taps ? taps - 1 : 0;
	uint64_t missing = frame < before ? before - frame : 0; /* before the beginning of time there was silence */
	memset(window, 0, missing * sizeof *window);
	bool echo = taps && radiated(card, frame - (before - missing), window + missing, before - missing + frames);
	for (uint64_t done = 0, piece; done < frames; done += piece) {
		piece = in_block(frame + done, frames - done);
		const int16_t *said = track_at(card, &microphone, frame + done, false);
		if (!echo && card->noise <= 0) { /* a room without an echo is copied as it is */
			if (said)
				memcpy(samples + done, said, piece * sizeof *samples);
			else
				memset(samples + done, 0, piece * sizeof *samples);
			continue;
		}
		for (uint64_t i = done; i < done + piece; i++) {
			float sum = said ? *said++ : 0;
			if (echo)
				sum += reflected(card->response, window + before + i, taps);
			if (card->noise > 0)
				sum += card->noise * noise_at(frame + i);
			samples[i] = sum >= 32767 ? 32767 : sum <= -32768 ? -32768 : (int16_t)lrintf(sum);
		}
	}
}

/* What the microphone hears from a frame on, the same in each of the interleaved channels that hear.
 *
 * `first` is the number of the frame in the microphone's own clock, counted from `start`, a frame of the room's: with a
 * clock that runs faster, its frames lie closer together, and the sound between the room's frames is interpolated. */
static inline void hear(struct card *card, uint64_t start, uint64_t first, int16_t *samples, uint64_t frames)
{
	static int16_t room[MAX_HEAR + 4];
	double step = 1.0 / (1.0 + card->capture_ppm * 1e-6);
	for (uint64_t done = 0, piece; done < frames; done += piece) {
		piece = frames - done < MAX_HEAR / 2 ? frames - done : MAX_HEAR / 2;
		double at = (double)(first + done) * step;
		uint64_t whole = (uint64_t)at;
		uint64_t needed = card->capture_ppm ? (uint64_t)(at + (double)piece * step) - whole + 2 : piece;
		sound_in_room(card, start + whole, room, needed);
		for (uint64_t i = 0; i < piece; i++) {
			int16_t heard = room[i];
			if (card->capture_ppm) {
				double place = at + (double)i * step - (double)whole;
				uint64_t left = (uint64_t)place;
				double share = place - (double)left;
				heard = (int16_t)lrint((1.0 - share) * room[left] + share * room[left + 1]);
			}
			for (unsigned c = 0; c < card->channels; c++)
				samples[(done + i) * card->channels + c] =
					!card->voice_channel || c + 1 == card->voice_channel ? heard : 0;
		}
	}
}

/* Puts interleaved samples into the speaker track; what comes too late, or while nothing moves, is not heard. */
static inline void play(struct card *card, uint64_t now, uint64_t frame, const int16_t *samples, uint64_t frames)
{
	struct track speaker = speaker_of(card);
	if (has(card->stuck, 0))
		return;
	uint64_t late = frame >= now ? 0 : now - frame < frames ? now - frame : frames;
	card->late_frames += late;
	for (uint64_t done = late, piece; done < frames; done += piece) {
		piece = in_block(frame + done, frames - done);
		memcpy(track_at(card, &speaker, frame + done, true), samples + done * card->channels,
		       piece * card->channels * sizeof *samples);
	}
}

/* Takes what is not yet heard out of the speaker track again, up to frame `end`. */
static inline void unplay(struct card *card, uint64_t end)
{
	struct track speaker = speaker_of(card);
	for (uint64_t frame = frame_now(card); frame < end; frame++) {
		int16_t *place = track_at(card, &speaker, frame, false);
		if (place)
			memset(place, 0, card->channels * sizeof *place);
	}
}
