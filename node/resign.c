/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resign.c - the file of what is Active, written by the daemon and sent by its successor in death. Contract in
 * resign.h.
 *
 * A line a frame: the interface's name, and the frame in hexadecimal. A virtual router has one, or one for each peer.
 * The file is replaced by rename, so it is whole at whatever moment the daemon dies.
 */
#include "node/resign.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vrrp/engine.h"

enum {
	PATH_SIZE = 128,		/* a control socket's is at most 107 */
	LINE_SIZE = IF_NAMESIZE + 2 * VRRP_FRAME_MAX + 2,
	NOTE_SIZE = VRRP_ROUTERS_MAX * VRRP_PEERS_MAX * LINE_SIZE + 1,
	IPV4_HEADER = 20, IPV6_HEADER = 40,
};

struct resign {
	const struct vrrp_last_words *words;
	int lock_fd;
	char path[PATH_SIZE], path_new[PATH_SIZE];
	char written[NOTE_SIZE];	/* what the file holds; "" = no file */
	char note[NOTE_SIZE];
};

/* SOCKET.SUFFIX; false when too long. */
static bool make_path(char path[PATH_SIZE], const char *control_socket, const char *suffix)
{
	return snprintf(path, PATH_SIZE, "%s.%s", control_socket, suffix) < PATH_SIZE;
}

/* ---- the daemon ---- */

/* A copy of what the VRRP thread may be writing; false when it is not Active, or no longer. */
static bool copy_words(const struct vrrp_last_words *words, struct vrrp_last_words *copy)
{
	_Atomic uint32_t *active = (_Atomic uint32_t *)&words->active;

	if (!atomic_load_explicit(active, memory_order_acquire))
		return false;
	memcpy(copy, words, sizeof(*copy));
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(active, memory_order_relaxed) && copy->len <= VRRP_FRAME_MAX &&
	       copy->n <= VRRP_PEERS_MAX;
}

/* Appends the router's lines at at; returns where the next one goes. */
static char *append_lines(char *at, const struct vrrp_last_words *words)
{
	char interface[IF_NAMESIZE], hex[2 * VRRP_FRAME_MAX + 1];
	struct vrrp_last_words copy;

	if (!copy_words(words, &copy) || !if_indextoname((unsigned)copy.ifindex, interface))
		return at;
	for (unsigned i = 0; i < copy.n; i++) {
		sodium_bin2hex(hex, sizeof(hex), copy.frames[i], copy.len);
		at += snprintf(at, LINE_SIZE, "%s %s\n", interface, hex);
	}
	return at;
}

static int replace_file(const struct resign *resign)
{
	size_t len = strlen(resign->note);
	int fd = open(resign->path_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n;
	int err;

	if (fd < 0)
		return -errno;
	n = write(fd, resign->note, len);
	err = n < 0 ? -errno : (size_t)n < len ? -ENOSPC : 0;
	close(fd);
	if (!err && rename(resign->path_new, resign->path))
		err = -errno;
	if (err)
		unlink(resign->path_new);
	return err;
}

static int remove_file(const char *path)
{
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

int resign_note(struct resign *resign)
{
	char *at = resign->note;
	int err;

	*at = '\0';
	for (unsigned i = 0; i < VRRP_ROUTERS_MAX; i++)
		at = append_lines(at, &resign->words[i]);
	if (!strcmp(resign->note, resign->written))
		return 0;
	err = resign->note[0] ? replace_file(resign) : remove_file(resign->path);
	if (!err)
		strcpy(resign->written, resign->note);
	return err;
}

/* A descriptor that holds the lock, or -errno; -EWOULDBLOCK: somebody else has it. */
static int take_lock(const char *path, int flags)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600), err;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int resign_open(struct resign **out, const char *control_socket, const struct vrrp_last_words *words, char *error,
		size_t size)
{
	struct resign *resign = calloc(1, sizeof(*resign));
	char lock[PATH_SIZE] = "";
	int err = -ENOMEM;

	if (!resign)
		goto err;
	err = -ENAMETOOLONG;
	if (!make_path(lock, control_socket, "lock") || !make_path(resign->path, control_socket, "active") ||
	    !make_path(resign->path_new, control_socket, "active.new"))
		goto err_free;
	err = take_lock(lock, O_CREAT);
	if (err < 0)
		goto err_free;
	resign->lock_fd = err;
	resign->words = words;
	err = remove_file(resign->path);
	if (err)
		goto err_close;
	*out = resign;
	return 0;

err_close:
	close(resign->lock_fd);
err_free:
	free(resign);
err:
	snprintf(error, size, "%s: %s", lock, err == -EWOULDBLOCK ? "another daemon holds it" : strerror(-err));
	return err;
}

void resign_close(struct resign *resign)
{
	if (!resign)
		return;
	remove_file(resign->path);
	close(resign->lock_fd);
	free(resign);
}

/* ---- tandemd --resign ---- */

/* The VRRP message, when the frame is an advertisement that releases (RFC 9568, 5.2.4), else NULL. */
static const uint8_t *find_release(const uint8_t *frame, size_t len)
{
	static const uint8_t type_v4[] = { 0x08, 0x00 }, type_v6[] = { 0x86, 0xdd };
	bool is_v6 = len > ETHER_HDR_LEN && !memcmp(frame + 12, type_v6, 2);
	const uint8_t *ip = frame + ETHER_HDR_LEN, *message = ip + (is_v6 ? IPV6_HEADER : IPV4_HEADER);

	if (len < (size_t)(message - frame) + 8 || (!is_v6 && memcmp(frame + 12, type_v4, 2) != 0))
		return NULL;
	return ip[is_v6 ? 6 : 9] == VRRP_PROTOCOL && message[2] == VRRP_PRIORITY_RELEASE ? message : NULL;
}

/* Sends from the interface's own MAC: the peer is Active by now, and one frame from the virtual MAC would turn the
 * switches back to us. */
static int send_frame(int fd, const char *interface, uint8_t *frame, size_t len)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface) };
	struct ifreq request = { 0 };

	if (!to.sll_ifindex)
		return -ENODEV;
	memcpy(request.ifr_name, interface, strnlen(interface, sizeof(request.ifr_name) - 1));
	if (ioctl(fd, SIOCGIFHWADDR, &request))
		return -errno;
	memcpy(frame + ETHER_ADDR_LEN, request.ifr_hwaddr.sa_data, ETHER_ADDR_LEN);
	return sendto(fd, frame, len, 0, (struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : 0;
}

static int send_line(int fd, char *line, FILE *out)
{
	char *hex = strchr(line, ' ');
	uint8_t frame[VRRP_FRAME_MAX];
	const uint8_t *message;
	size_t len = 0;
	int err;

	if (!hex)
		return -EBADMSG;
	*hex++ = '\0';
	if (sodium_hex2bin(frame, sizeof(frame), hex, strlen(hex), "\n", &len, NULL))
		return -EBADMSG;
	message = find_release(frame, len);
	if (!message)
		return -EBADMSG;
	err = send_frame(fd, line, frame, len);
	if (err)
		fprintf(out, "virtual router %u on %s: %s\n", message[1], line, strerror(-err));
	else
		fprintf(out, "virtual router %u on %s: priority 0 sent\n", message[1], line);
	return err;
}

/* Every line is tried; the first error is returned. */
static int send_lines(FILE *f, FILE *out)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), err = 0;
	char line[LINE_SIZE + 1];

	if (fd < 0)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		int one = send_line(fd, line, out);

		if (one && !err)
			err = one;
	}
	close(fd);
	return err;
}

static int send_file(const char *path, FILE *out)
{
	FILE *f = fopen(path, "re");
	int err;

	if (!f)
		return -errno;
	err = send_lines(f, out);
	fclose(f);
	unlink(path);
	return err;
}

int resign_run(const char *control_socket, FILE *out)
{
	char lock[PATH_SIZE], path[PATH_SIZE];
	int fd, err;

	if (!make_path(lock, control_socket, "lock") || !make_path(path, control_socket, "active"))
		return -ENAMETOOLONG;
	fd = take_lock(lock, 0);
	err = fd < 0 ? fd : send_file(path, out);
	if (fd >= 0)
		close(fd);
	if (err == -EWOULDBLOCK) {
		fputs("a daemon is running: nothing sent\n", out);
		return -EBUSY;
	}
	if (err == -ENOENT) {
		fputs("nothing was Active\n", out);
		return 0;
	}
	if (err)
		fprintf(out, "%s: %s\n", path, strerror(-err));
	return err;
}
