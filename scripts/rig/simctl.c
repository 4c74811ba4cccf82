/* The mixer of the simulated card: it has no controls, so that programs that look for one find none and stay quiet. */
#include <alsa/asoundlib.h>
#include <alsa/control_external.h>

static int simctl_count(snd_ctl_ext_t *ext)
{
	(void)ext;
	return 0;
}

static int simctl_list(snd_ctl_ext_t *ext, unsigned int offset, snd_ctl_elem_id_t *id)
{
	(void)ext, (void)offset, (void)id;
	return -ENOENT;
}

static snd_ctl_ext_key_t simctl_find(snd_ctl_ext_t *ext, const snd_ctl_elem_id_t *id)
{
	(void)ext, (void)id;
	return SND_CTL_EXT_KEY_NOT_FOUND;
}

static void simctl_close(snd_ctl_ext_t *ext)
{
	free(ext);
}

static const snd_ctl_ext_callback_t callbacks = {
	.close = simctl_close,
	.elem_count = simctl_count,
	.elem_list = simctl_list,
	.find_elem = simctl_find,
};

SND_CTL_PLUGIN_DEFINE_FUNC(simcard)
{
	snd_ctl_ext_t *ext = calloc(1, sizeof *ext);
	(void)root, (void)conf;
	if (!ext)
		return -ENOMEM;
	ext->version = SND_CTL_EXT_VERSION;
	strcpy(ext->id, "simcard");
	strcpy(ext->driver, "simcard");
	strcpy(ext->name, "simulated sound card");
	strcpy(ext->longname, "simulated sound card");
	strcpy(ext->mixername, "none");
	ext->poll_fd = -1;
	ext->callback = &callbacks;
	int error = snd_ctl_ext_create(ext, name, mode);
	if (error < 0)
		free(ext);
	else
		*handlep = ext->handle;
	return error;
}
SND_CTL_PLUGIN_SYMBOL(simcard);
