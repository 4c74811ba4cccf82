/*
 * A simulated sound card: an alsa-lib ioplug ("type simcard") over the memory-mapped tracks of tracks.h.
 *
 * It is a card to the program that opens it: playback is heard at its exact sample, drop() takes back what was not yet
 * heard, whoever is late gets an xrun, poll() wakes once in a period, and a card that is pulled out is gone. A position
 * is a question to the clock, so nothing runs here between two calls.
 */
#define _GNU_SOURCE
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "tracks.h"

struct stream {
	snd_pcm_ioplug_t io;
	struct card *card;
	size_t card_bytes;
	int card_fd, timer_fd, notify_fd, poll_fd;
	uint32_t unplug_count; /* of its direction, when it was opened */
	snd_pcm_uframes_t avail_min, stop_threshold;
	bool running;
	uint64_t start_frame, position; /* position: frames since the start, as last reported */
	int16_t *staged;                /* what was written before the start, whose moment is not known yet */
};

static bool plays(const struct stream *s)
{
	return s->io.stream == SND_PCM_STREAM_PLAYBACK;
}

static bool drains(const struct stream *s)
{
	return plays(s) && s->io.state == SND_PCM_STATE_DRAINING;
}

static bool stuck(const struct stream *s)
{
	return has(s->card->stuck, s->io.stream);
}

static bool gone(const struct stream *s)
{
	return has(s->card->unplugged, s->io.stream) || unplugs(s->card, s->io.stream) != s->unplug_count;
}

/* How many frames of the room's clock a number of this stream's frames take; the two differ only for a microphone. */
static uint64_t in_room(const struct stream *s, uint64_t frames)
{
	return plays(s) ? frames : (uint64_t)((double)frames / (1.0 + s->card->capture_ppm * 1e-6) + 0.5);
}

static uint64_t position(struct stream *s)
{
	if (!s->running || stuck(s) || gone(s))
		return s->position;
	uint64_t elapsed = frame_now(s->card) - s->start_frame;
	if (!plays(s))
		elapsed = (uint64_t)((double)elapsed * (1.0 + s->card->capture_ppm * 1e-6));
	if (s->card->coarse_pointer)
		elapsed -= elapsed % s->io.period_size;
	if (elapsed > s->position)
		s->position = elapsed;
	return s->position;
}

/* Frames that may be read, or written, now. */
static int64_t available(struct stream *s)
{
	int64_t done = (int64_t)(position(s) - s->io.appl_ptr);
	return plays(s) ? done + (int64_t)s->io.buffer_size : done;
}

static bool late(struct stream *s)
{
	return s->running && !drains(s) && available(s) >= (int64_t)s->stop_threshold;
}

/* Sets the timer for the moment at which poll() shall wake a program whose pointer is at `appl`. It is set anew rather
 * than read, and stays readable until then: poll() is level-triggered, as on a real card. */
static void set_timer(struct stream *s, uint64_t appl)
{
	struct itimerspec when = {.it_value = {.tv_nsec = 1}}; /* long ago: readable at once */
	bool waits_for_start = !plays(s) && !s->running && s->io.state == SND_PCM_STATE_PREPARED;
	int64_t due = (int64_t)appl, period = (int64_t)s->io.period_size;
	if (!drains(s))
		due += (int64_t)s->avail_min - (plays(s) ? (int64_t)s->io.buffer_size : 0);
	if (gone(s)) {
		/* at once */
	} else if (waits_for_start || (s->running && stuck(s))) {
		when.it_value.tv_nsec = 0; /* never */
	} else if (s->running && due > (int64_t)position(s)) {
		/* Rounded up: a card interrupts once in a period. */
		uint64_t ns = time_of(s->card, s->start_frame + in_room(s, (uint64_t)((due + period - 1) / period * period)));
		when.it_value = (struct timespec){.tv_sec = (time_t)(ns / NS), .tv_nsec = (long)(ns % NS)};
	}
	timerfd_settime(s->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void set_running(struct stream *s, bool running)
{
	if (s->running && !running && plays(s))
		unplay(s->card, s->start_frame + s->io.appl_ptr);
	s->running = running;
	s->card->running[s->io.stream] = running;
}

/* What can happen to a PCM between two calls: it was pulled out, it ran dry or over, or nothing moves any more. */
static void check_faults(struct stream *s)
{
	if (gone(s)) {
		set_running(s, false);
		snd_pcm_ioplug_set_state(&s->io, SND_PCM_STATE_DISCONNECTED);
	} else if (late(s)) {
		set_running(s, false);
		s->card->xruns[s->io.stream]++;
		snd_pcm_ioplug_set_state(&s->io, SND_PCM_STATE_XRUN);
	} else if (s->running && stuck(s) && plays(s)) {
		unplay(s->card, s->start_frame + s->io.appl_ptr);
	}
}

static int simcard_start(snd_pcm_ioplug_t *io)
{
	struct stream *s = io->private_data;
	if (gone(s))
		return -ENODEV;
	s->start_frame = frame_now(s->card);
	s->position = 0;
	set_running(s, true);
	if (plays(s))
		play(s->card, s->start_frame, s->start_frame, s->staged, io->appl_ptr);
	set_timer(s, io->appl_ptr);
	return 0;
}

static int simcard_stop(snd_pcm_ioplug_t *io)
{
	struct stream *s = io->private_data;
	set_running(s, false);
	set_timer(s, io->appl_ptr);
	return 0;
}

static snd_pcm_sframes_t simcard_pointer(snd_pcm_ioplug_t *io)
{
	struct stream *s = io->private_data;
	check_faults(s);
	if (io->state == SND_PCM_STATE_DISCONNECTED) /* seems ready, so that the program runs into transfer's ENODEV */
		return (snd_pcm_sframes_t)(io->appl_ptr + (plays(s) ? 0 : io->buffer_size));
	return io->state == SND_PCM_STATE_XRUN ? -EPIPE : (snd_pcm_sframes_t)position(s);
}

static snd_pcm_sframes_t simcard_transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas,
					  snd_pcm_uframes_t offset, snd_pcm_uframes_t size)
{
	struct stream *s = io->private_data;
	if (gone(s))
		return -ENODEV;
	/* Interleaved: the first channel's area tells where the frames are. */
	int16_t *frames = (int16_t *)((char *)areas->addr + (areas->first + areas->step * offset) / 8);
	uint64_t frame = s->start_frame + io->appl_ptr;
	unsigned channels = s->card->channels;
	if (plays(s) && s->running) {
		play(s->card, frame_now(s->card), frame, frames, size);
	} else if (plays(s)) {
		if (io->appl_ptr + size > io->buffer_size)
			return -EPIPE; /* stopped by an underrun between two calls of a program that maps the buffer */
		memcpy(s->staged + io->appl_ptr * channels, frames, size * channels * sizeof *frames);
	} else {
		hear(s->card, s->start_frame, io->appl_ptr, frames, size);
		uint64_t until = s->start_frame + in_room(s, io->appl_ptr + size);
		if (size && until > s->card->captured_until)
			s->card->captured_until = until;
	}
	/* A program that maps the buffer is shown more than it takes: its timer is set when it polls. */
	bool taken = plays(s) || io->access == SND_PCM_ACCESS_RW_INTERLEAVED;
	set_timer(s, io->appl_ptr + (taken ? size : 0));
	return (snd_pcm_sframes_t)size;
}

static int simcard_poll_revents(snd_pcm_ioplug_t *io, struct pollfd *fds, unsigned int count, unsigned short *revents)
{
	struct stream *s = io->private_data;
	unsigned short ready = plays(s) ? POLLOUT : POLLIN;
	char events[512];
	(void)fds, (void)count;
	while (read(s->notify_fd, events, sizeof events) > 0)
		; /* that it was touched is all there is to know */
	check_faults(s);
	if (io->state == SND_PCM_STATE_DISCONNECTED) {
		*revents = POLLERR | POLLNVAL;
	} else if (io->state == SND_PCM_STATE_PREPARED || io->state == SND_PCM_STATE_RUNNING || drains(s)) {
		int64_t enough = drains(s) ? (int64_t)io->buffer_size : (int64_t)s->avail_min;
		*revents = available(s) >= enough ? ready : 0;
	} else {
		*revents = POLLERR | ready;
	}
	if (*revents == 0 || io->state == SND_PCM_STATE_DISCONNECTED)
		set_timer(s, io->appl_ptr);
	return 0;
}

static int simcard_hw_params(snd_pcm_ioplug_t *io, snd_pcm_hw_params_t *params)
{
	struct stream *s = io->private_data;
	(void)params;
	usleep(s->card->params_delay_ms * 1000);
	if (gone(s))
		return -ENODEV;
	if (has(s->card->refuses, s->io.stream))
		return -EINVAL;
	free(s->staged);
	s->staged = calloc(io->buffer_size * io->channels, sizeof *s->staged);
	s->avail_min = io->period_size;
	s->stop_threshold = io->buffer_size;
	return s->staged ? 0 : -ENOMEM;
}

static int simcard_sw_params(snd_pcm_ioplug_t *io, snd_pcm_sw_params_t *params)
{
	struct stream *s = io->private_data;
	snd_pcm_sw_params_get_avail_min(params, &s->avail_min);
	snd_pcm_sw_params_get_stop_threshold(params, &s->stop_threshold);
	return 0;
}

static int simcard_prepare(snd_pcm_ioplug_t *io)
{
	struct stream *s = io->private_data;
	if (gone(s))
		return -ENODEV;
	set_running(s, false);
	s->position = 0;
	snd_pcm_ioplug_set_state(io, SND_PCM_STATE_PREPARED); /* alsa-lib does so too, but after the timer is set */
	set_timer(s, 0);
	return 0;
}

static int simcard_close(snd_pcm_ioplug_t *io)
{
	struct stream *s = io->private_data;
	int fds[] = {s->timer_fd, s->notify_fd, s->poll_fd, s->card_fd}; /* with card_fd goes its lock */
	if (s->card) {
		set_running(s, false);
		munmap(s->card, s->card_bytes);
	}
	for (unsigned i = 0; i < sizeof fds / sizeof *fds; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(s->staged);
	free(s);
	return 0;
}

static const snd_pcm_ioplug_callback_t callbacks = {
	.start = simcard_start,
	.stop = simcard_stop,
	.pointer = simcard_pointer,
	.transfer = simcard_transfer,
	.poll_revents = simcard_poll_revents,
	.hw_params = simcard_hw_params,
	.sw_params = simcard_sw_params,
	.prepare = simcard_prepare,
	.close = simcard_close,
};

/* Maps the card's file and takes its one stream of this direction. The kernel drops the lock when the program dies. */
static int take_card(struct stream *s, const char *path)
{
	struct stat status;
	s->card_fd = open(path, O_RDWR | O_CLOEXEC);
	if (s->card_fd < 0 || fstat(s->card_fd, &status) < 0)
		return -errno;
	size_t bytes = (size_t)status.st_size;
	struct card *card = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->card_fd, 0);
	if (card == MAP_FAILED)
		return -errno;
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = s->io.stream, .l_len = 1};
	if (card->magic == MAGIC)
		usleep(card->open_delay_ms * 1000);
	bool unplugged = has(card->unplugged, s->io.stream), busy = has(card->busy, s->io.stream);
	int error = card->magic != MAGIC ? -EINVAL : unplugged ? -ENODEV : busy ? -EBUSY : 0;
	if (!error && fcntl(s->card_fd, F_OFD_SETLK, &lock) < 0)
		error = -EBUSY;
	if (error) {
		munmap(card, bytes);
		return error;
	}
	s->card = card;
	s->card_bytes = bytes;
	s->unplug_count = unplugs(card, s->io.stream);
	card->pid[s->io.stream] = (uint32_t)getpid();
	return 0;
}

/* One descriptor to poll, for the timer and for a touch of the card's file by card.py (unplugged, stuck). */
static int open_descriptors(struct stream *s, const char *path)
{
	struct epoll_event readable = {.events = EPOLLIN};
	s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	s->notify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	s->poll_fd = s->io.poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->timer_fd < 0 || s->notify_fd < 0 || s->poll_fd < 0 || inotify_add_watch(s->notify_fd, path, IN_ATTRIB) < 0 ||
	    epoll_ctl(s->poll_fd, EPOLL_CTL_ADD, s->timer_fd, &readable) < 0 ||
	    epoll_ctl(s->poll_fd, EPOLL_CTL_ADD, s->notify_fd, &readable) < 0)
		return -errno;
	return 0;
}

/* Tells alsa-lib what this card can do: one rate, one channel count, 16 bit, and the lengths of its periods. */
static int constrain(struct stream *s)
{
	static const unsigned accesses[] = {SND_PCM_ACCESS_RW_INTERLEAVED, SND_PCM_ACCESS_MMAP_INTERLEAVED};
	static const unsigned formats[] = {SND_PCM_FORMAT_S16_LE};
	unsigned rate = s->card->rate_hz, channels = s->card->channels, second = rate * channels * 2;
	unsigned least_ms = s->card->least_period_ms ? s->card->least_period_ms : 1;
	unsigned most_ms = s->card->most_period_ms ? s->card->most_period_ms : 1000;
	const struct { int what; unsigned least, most; } limits[] = {
		{SND_PCM_IOPLUG_HW_CHANNELS, channels, channels},
		{SND_PCM_IOPLUG_HW_RATE, rate, rate},
		{SND_PCM_IOPLUG_HW_PERIOD_BYTES, second * least_ms / 1000, second * most_ms / 1000},
		{SND_PCM_IOPLUG_HW_BUFFER_BYTES, second / 500, 4 * second},
		{SND_PCM_IOPLUG_HW_PERIODS, 2, 1024},
	};
	int error = snd_pcm_ioplug_set_param_list(&s->io, SND_PCM_IOPLUG_HW_ACCESS, 2, accesses);
	if (error >= 0)
		error = snd_pcm_ioplug_set_param_list(&s->io, SND_PCM_IOPLUG_HW_FORMAT, 1, formats);
	for (unsigned i = 0; error >= 0 && i < sizeof limits / sizeof *limits; i++)
		error = snd_pcm_ioplug_set_param_minmax(&s->io, limits[i].what, limits[i].least, limits[i].most);
	return error;
}

SND_PCM_PLUGIN_DEFINE_FUNC(simcard)
{
	snd_config_iterator_t i, next;
	const char *path = NULL, *id;
	(void)root;
	snd_config_for_each(i, next, conf) {
		snd_config_t *entry = snd_config_iterator_entry(i);
		if (snd_config_get_id(entry, &id) >= 0 && strcmp(id, "file") == 0)
			snd_config_get_string(entry, &path);
	}
	if (!path)
		return -EINVAL;
	struct stream *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	s->card_fd = s->timer_fd = s->notify_fd = s->poll_fd = -1;
	s->io = (snd_pcm_ioplug_t){
		.version = SND_PCM_IOPLUG_VERSION,
		.name = "simulated sound card",
		/* Positions count from the start: with a boundary of about 2^62 frames they never wrap. */
		.flags = SND_PCM_IOPLUG_FLAG_MONOTONIC | SND_PCM_IOPLUG_FLAG_BOUNDARY_WA,
		.poll_events = POLLIN,
		.callback = &callbacks,
		.private_data = s,
		.stream = stream,
	};
	int error = take_card(s, path);
	if (error >= 0)
		error = open_descriptors(s, path);
	if (error >= 0)
		error = snd_pcm_ioplug_create(&s->io, name, stream, mode);
	if (error < 0) {
		simcard_close(&s->io);
		return error;
	}
	error = constrain(s);
	if (error < 0)
		snd_pcm_ioplug_delete(&s->io);
	else
		*pcmp = s->io.pcm;
	return error < 0 ? error : 0;
}
SND_PCM_PLUGIN_SYMBOL(simcard);
