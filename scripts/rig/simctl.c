/*
 * The mixer of the simulated card: a volume of -103.5 to 0 dB in 207 steps and a switch, both for playback, as of a
 * PCM5122; or none at all. The values stand in the card's file.
 */
#include <alsa/asoundlib.h>
#include <alsa/control_external.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "tracks.h"

enum { VOLUME, SWITCH };
static const char *const names[] = {"Digital Playback Volume", "Digital Playback Switch"};

struct ctl {
	snd_ctl_ext_t ext;
	struct card *card;
};

static int count(const struct ctl *c)
{
	return c->card->mixer ? 2 : 0;
}

static int simctl_count(snd_ctl_ext_t *ext)
{
	return count(ext->private_data);
}

static int simctl_list(snd_ctl_ext_t *ext, unsigned int offset, snd_ctl_elem_id_t *id)
{
	if ((int)offset >= count(ext->private_data))
		return -ENOENT;
	snd_ctl_elem_id_set_interface(id, SND_CTL_ELEM_IFACE_MIXER);
	snd_ctl_elem_id_set_name(id, names[offset]);
	return 0;
}

static snd_ctl_ext_key_t simctl_find(snd_ctl_ext_t *ext, const snd_ctl_elem_id_t *id)
{
	for (int key = 0; key < count(ext->private_data); key++)
		if (!strcmp(names[key], snd_ctl_elem_id_get_name(id)))
			return key;
	return SND_CTL_EXT_KEY_NOT_FOUND;
}

static int simctl_attribute(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, int *type, unsigned int *access, unsigned int *n)
{
	(void)ext;
	*type = key == SWITCH ? SND_CTL_ELEM_TYPE_BOOLEAN : SND_CTL_ELEM_TYPE_INTEGER;
	*access = SND_CTL_EXT_ACCESS_READWRITE | (key == SWITCH ? 0 : SND_CTL_EXT_ACCESS_TLV_READ | SND_CTL_EXT_ACCESS_TLV_CALLBACK);
	*n = 1;
	return 0;
}

static int simctl_range(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, long *least, long *most, long *step)
{
	(void)ext;
	*least = 0, *most = key == SWITCH ? 1 : 207, *step = 1;
	return 0;
}

static int simctl_read(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, long *value)
{
	struct ctl *c = ext->private_data;
	*value = key == SWITCH ? !c->card->mixer_off : c->card->mixer_volume;
	return 0;
}

static int simctl_write(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, long *value)
{
	struct ctl *c = ext->private_data;
	if (key == SWITCH)
		c->card->mixer_off = !*value;
	else
		c->card->mixer_volume = (uint32_t)*value;
	return 1;
}

static int simctl_decibels(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, int op, unsigned int id, unsigned int *tlv,
			   unsigned int size)
{
	(void)ext, (void)key, (void)id;
	if (op || size < 16)
		return -EINVAL;
	tlv[0] = 4; /* SND_CTL_TLVT_DB_MINMAX, in hundredths of a decibel */
	tlv[1] = 8;
	tlv[2] = (unsigned)-10350;
	tlv[3] = 0;
	return 0;
}

static int simctl_event(snd_ctl_ext_t *ext, snd_ctl_elem_id_t *id, unsigned int *mask)
{
	(void)ext, (void)id, (void)mask;
	return -EAGAIN;
}

static void simctl_subscribe(snd_ctl_ext_t *ext, int subscribe)
{
	(void)ext, (void)subscribe;
}

static void simctl_close(snd_ctl_ext_t *ext)
{
	struct ctl *c = ext->private_data;
	munmap(c->card, sizeof *c->card);
	free(c);
}

static const snd_ctl_ext_callback_t callbacks = {
	.close = simctl_close,
	.elem_count = simctl_count,
	.elem_list = simctl_list,
	.find_elem = simctl_find,
	.get_attribute = simctl_attribute,
	.get_integer_info = simctl_range,
	.read_integer = simctl_read,
	.write_integer = simctl_write,
	.read_event = simctl_event,
	.subscribe_events = simctl_subscribe,
};

SND_CTL_PLUGIN_DEFINE_FUNC(simcard)
{
	snd_config_iterator_t i, next;
	const char *path = NULL, *id;
	(void)root;
	snd_config_for_each(i, next, conf) {
		snd_config_t *entry = snd_config_iterator_entry(i);
		if (snd_config_get_id(entry, &id) >= 0 && strcmp(id, "file") == 0)
			snd_config_get_string(entry, &path);
	}
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd < 0)
		return path ? -errno : -EINVAL;
	struct card *card = mmap(NULL, sizeof *card, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (card == MAP_FAILED)
		return -errno;
	struct ctl *c = calloc(1, sizeof *c);
	if (!c) {
		munmap(card, sizeof *card);
		return -ENOMEM;
	}
	usleep(card->open_delay_ms * 1000);
	c->card = card;
	c->ext.version = SND_CTL_EXT_VERSION;
	strcpy(c->ext.id, "simcard");
	strcpy(c->ext.driver, "simcard");
	strcpy(c->ext.name, "simulated sound card");
	strcpy(c->ext.longname, "simulated sound card");
	strcpy(c->ext.mixername, "simulated mixer");
	c->ext.poll_fd = -1;
	c->ext.callback = &callbacks;
	c->ext.tlv.c = simctl_decibels;
	c->ext.private_data = c;
	int error = snd_ctl_ext_create(&c->ext, name, mode);
	if (error < 0)
		simctl_close(&c->ext);
	else
		*handlep = c->ext.handle;
	return error;
}
SND_CTL_PLUGIN_SYMBOL(simcard);
