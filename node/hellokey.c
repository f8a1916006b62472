/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hellokey.c - the file of the shared secret. Contract in hellokey.h.
 */
#include "node/hellokey.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

enum { DIGITS = 2 * HELLO_KEY };

static int check_file(int fd, const char *path, char *error, size_t size)
{
	struct stat st;

	if (fstat(fd, &st))
		return log_fail(-errno, error, size, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return log_fail(-EINVAL, error, size, "%s: not a regular file", path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return log_fail(-EPERM, error, size, "%s: belongs to user %u, must be root's or the daemon's own", path,
				(unsigned)st.st_uid);
	if (st.st_mode & (S_IRWXO | S_IWGRP | S_IXGRP))
		return log_fail(-EPERM, error, size, "%s: mode %03o lets others at the secret; chmod 600 %s", path,
				(unsigned)st.st_mode & 0777, path);
	return 0;
}

/* Exactly the digits, and blanks or line ends behind them. */
static bool parse(const char *text, size_t len, uint8_t key[HELLO_KEY])
{
	size_t got = 0;

	if (len < DIGITS || sodium_hex2bin(key, HELLO_KEY, text, DIGITS, NULL, &got, NULL) || got != HELLO_KEY)
		return false;
	while (len > DIGITS && strchr(" \t\r\n", text[len - 1]))
		len--;
	return len == DIGITS;
}

int hellokey_read(const char *path, uint8_t key[HELLO_KEY], char *error, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err;
	char text[DIGITS + 16];
	ssize_t len;

	if (fd < 0)
		return log_fail(-errno, error, size, "%s: %s; \"tandemd --make-key FILE\" makes one", path,
				strerror(errno));
	err = check_file(fd, path, error, size);
	len = err ? 0 : read(fd, text, sizeof(text));
	close(fd);
	if (err)
		return err;
	if (len < 0)
		err = log_fail(-EIO, error, size, "%s: cannot be read", path);
	else if (!parse(text, (size_t)len, key))
		err = log_fail(-EINVAL, error, size, "%s: must be one line of %d hexadecimal digits, as \"tandemd "
			       "--make-key FILE\" writes it", path, DIGITS);
	sodium_memzero(text, sizeof(text));
	return err;
}

int hellokey_make(const char *path, char *error, size_t size)
{
	uint8_t key[HELLO_KEY];
	char text[DIGITS + 1];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), err = 0;

	if (fd < 0)
		return log_fail(-errno, error, size, "%s: %s", path, strerror(errno));
	randombytes_buf(key, sizeof(key));
	sodium_bin2hex(text, sizeof(text), key, sizeof(key));
	text[DIGITS] = '\n';		/* in the place of its NUL */
	if (write(fd, text, sizeof(text)) != (ssize_t)sizeof(text) || fsync(fd))
		err = log_fail(errno ? -errno : -EIO, error, size, "%s: cannot be written", path);
	close(fd);
	if (err)
		unlink(path);
	sodium_memzero(key, sizeof(key));
	sodium_memzero(text, sizeof(text));
	return err;
}
