/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_resign.c - what a dead daemon's file says, and what is sent of it. Needs root: a veth pair in namespaces of
 * its own.
 */
#include "node/resign.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "tests/dataplane/netns.h"
#include "tests/tap.h"
#include "vrrp/engine.h"

enum { DEADLINE_MS = 2000 };

static const uint8_t own_mac[6] = { 2, 0, 0, 0, 0, 0x11 };
static struct netns ns;
static unsigned device;			/* e0 */
static int wire;			/* what arrives at p0 */
static char directory[64], control_socket[80], note_path[96];
static char error[256], text[512];
static struct vrrp_last_words words[VRRP_ROUTERS_MAX];

/* ---- last words ---- */

static void make_words(unsigned i, uint8_t vrid, uint8_t priority)
{
	struct vrrp_advert advert = { .vrid = vrid, .priority = priority, .interval_cs = 10, .count = 1 };
	struct vrrp_path path = { 0 };
	uint8_t mac[6];

	addr_parse("10.9.0.160", &advert.addresses[0]);
	addr_parse("10.9.0.11", &path.source);
	addr_parse("224.0.0.18", &path.destination);
	vrrp_virtual_mac(vrid, false, mac);
	words[i].len = (uint32_t)vrrp_advert_frame(&advert, &path, VRRP_CHECKSUM_RFC9568, mac, words[i].frames[0]);
	words[i].n = 1;
	words[i].ifindex = (int32_t)device;
	words[i].active = 1;
}

static int reset(void **state)
{
	(void)state;
	memset(words, 0, sizeof(words));
	unlink(note_path);
	return 0;
}

static struct resign *open_resign(void)
{
	struct resign *resign;

	if (resign_open(&resign, control_socket, words, error, sizeof(error)))
		fail_msg("%s", error);
	return resign;
}

/* resign_run() with what it says in text. */
static int run_resign(void)
{
	FILE *out = fmemopen(text, sizeof(text), "w");
	int err = resign_run(control_socket, out);

	fclose(out);
	return err;
}

/* A daemon that notes the words and is killed. */
static void die_with_words(void)
{
	int said[2], err = -1;
	pid_t pid;

	assert_int_equal(pipe(said), 0);
	pid = fork();
	if (pid == 0) {
		struct resign *resign;

		err = resign_open(&resign, control_socket, words, error, sizeof(error));
		if (!err)
			err = resign_note(resign);
		if (write(said[1], &err, sizeof(err)) == sizeof(err))
			pause();
		_exit(1);
	}
	assert_int_equal(read(said[0], &err, sizeof(err)), sizeof(err));
	assert_int_equal(err, 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(said[0]);
	close(said[1]);
}

static void write_note(const char *note)
{
	FILE *f = fopen(note_path, "we");

	assert_non_null(f);
	fputs(note, f);
	fclose(f);
}

static char *read_note(void)
{
	FILE *f = fopen(note_path, "re");
	size_t n;

	if (!f)
		return NULL;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

/* ---- the wire ---- */

static int listen_at_peer(void)
{
	int fd = netns_wire(&ns, "p0", ETH_P_IP);

	assert_true(fd >= 0);
	return fd;
}

/* The virtual router that an advertisement with priority 0 from the own MAC was heard of; -1: nothing was. */
static int hear(int timeout_ms)
{
	struct pollfd p = { .fd = wire, .events = POLLIN };
	enum vrrp_checksum used;
	struct vrrp_advert advert;
	struct vrrp_path path;
	uint8_t frame[VRRP_FRAME_MAX];
	ssize_t n;

	if (poll(&p, 1, timeout_ms) != 1)
		return -1;
	n = recv(wire, frame, sizeof(frame), 0);
	assert_true(n > ETH_HLEN);
	assert_memory_equal(frame + 6, own_mac, 6);
	assert_int_equal(vrrp_advert_decode(frame + ETH_HLEN, (size_t)n - ETH_HLEN, VRRP_CHECKSUM_RFC9568, &advert,
					    &path, &used), VRRP_ACCEPTED);
	assert_int_equal(advert.priority, 0);
	return advert.vrid;
}

/* ---- cases ---- */

static void test_note(void **state)
{
	struct resign *resign = open_resign();
	struct stat first, second;

	(void)state;
	assert_int_equal(resign_note(resign), 0);
	assert_null(read_note());
	make_words(3, 51, 0);
	assert_int_equal(resign_note(resign), 0);
	assert_memory_equal(read_note(), "e0 01005e00001200005e000133", 27);
	assert_int_equal(stat(note_path, &first), 0);
	assert_int_equal(first.st_mode & 0777, 0600);

	assert_int_equal(resign_note(resign), 0);	/* nothing changed: not written again */
	assert_int_equal(stat(note_path, &second), 0);
	assert_int_equal(first.st_ino, second.st_ino);
	make_words(9, 52, 0);
	assert_int_equal(resign_note(resign), 0);
	assert_int_equal(stat(note_path, &second), 0);
	assert_int_not_equal(first.st_ino, second.st_ino);

	words[3].active = words[9].active = 0;
	assert_int_equal(resign_note(resign), 0);
	assert_null(read_note());
	make_words(3, 51, 0);
	assert_int_equal(resign_note(resign), 0);
	resign_close(resign);
	assert_null(read_note());
	resign_close(NULL);
}

static void test_lock(void **state)
{
	struct resign *resign = open_resign(), *other;

	(void)state;
	make_words(0, 51, 0);
	assert_int_equal(resign_note(resign), 0);
	assert_int_equal(resign_open(&other, control_socket, words, error, sizeof(error)), -EWOULDBLOCK);
	assert_non_null(strstr(error, ".lock: another daemon holds it"));
	assert_int_equal(run_resign(), -EBUSY);
	assert_string_equal(text, "a daemon is running: nothing sent\n");
	assert_non_null(read_note());
	assert_int_equal(hear(0), -1);
	resign_close(resign);
	assert_int_equal(run_resign(), 0);
	assert_string_equal(text, "nothing was Active\n");
}

static void test_sends(void **state)
{
	(void)state;
	make_words(0, 51, 0);
	make_words(4, 52, 0);
	make_words(5, 53, 0);
	words[4].active = 0;
	die_with_words();
	assert_int_equal(run_resign(), 0);
	assert_string_equal(text, "virtual router 51 on e0: priority 0 sent\n"
				  "virtual router 53 on e0: priority 0 sent\n");
	assert_int_equal(hear(DEADLINE_MS), 51);
	assert_int_equal(hear(DEADLINE_MS), 53);
	assert_int_equal(run_resign(), 0);
	assert_string_equal(text, "nothing was Active\n");
	assert_int_equal(hear(0), -1);
}

/* With unicast peers there is a frame for each. */
static void test_peers(void **state)
{
	(void)state;
	make_words(0, 51, 0);
	memcpy(words[0].frames[1], words[0].frames[0], words[0].len);
	words[0].n = 2;
	make_words(1, 52, 0);
	die_with_words();
	assert_int_equal(run_resign(), 0);
	assert_string_equal(text, "virtual router 51 on e0: priority 0 sent\n"
				  "virtual router 51 on e0: priority 0 sent\n"
				  "virtual router 52 on e0: priority 0 sent\n");
	assert_int_equal(hear(DEADLINE_MS), 51);
	assert_int_equal(hear(DEADLINE_MS), 51);
	assert_int_equal(hear(DEADLINE_MS), 52);
	assert_int_equal(hear(0), -1);
}

static void test_successor(void **state)
{
	(void)state;
	make_words(0, 51, 0);
	die_with_words();
	assert_non_null(read_note());
	resign_close(open_resign());
	assert_null(read_note());
}

static void test_nothing(void **state)
{
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void)state;
	assert_int_equal(resign_run("/nonexistent/control.sock", out), 0);
	fclose(out);
	assert_string_equal(text, "nothing was Active\n");
}

/* Only advertisements that release are sent, whatever the file holds; the good lines are. */
static void test_bad_lines(void **state)
{
	static const char *const lines[] = {
		"\n", "e0\n", "e0 \n", "e0 zz\n", "e0 0100\n", "e0 01005e0000120000\n",
		"e0 01005e00001200005e0001330806000000000000000000000000000000000000000000000000000000000000000000\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		die_with_words();
		write_note(lines[i]);
		assert_int_equal(run_resign(), -EBADMSG);
		assert_int_equal(hear(0), -1);
		assert_null(read_note());
	}
	make_words(0, 51, 100);
	make_words(1, 52, 0);
	die_with_words();
	assert_int_equal(run_resign(), -EBADMSG);
	assert_int_equal(hear(DEADLINE_MS), 52);
	assert_int_equal(hear(0), -1);
}

static void test_no_interface(void **state)
{
	(void)state;
	die_with_words();
	write_note("e7 01005e00001200005e0001330800"
		   "45c0002000000000ff700000c0000201e0000012"
		   "313300010003000000000000\n");
	assert_int_equal(run_resign(), -ENODEV);
	assert_non_null(strstr(text, "virtual router 51 on e7: No such device\n"));
}

static void test_open_fails(void **state)
{
	struct resign *resign;
	char long_path[200];

	(void)state;
	assert_int_equal(resign_open(&resign, "/nonexistent/control.sock", words, error, sizeof(error)), -ENOENT);
	assert_string_equal(error, "/nonexistent/control.sock.lock: No such file or directory");
	memset(long_path, 'x', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(resign_open(&resign, long_path, words, error, sizeof(error)), -ENAMETOOLONG);
}

#define FRESH(description, function) { description, function, reset, NULL, NULL }

int main(void)
{
	const struct CMUnitTest cases[] = {
		FRESH("the file holds what is Active, and is replaced as a whole", test_note),
		FRESH("a live daemon's lock: no second daemon, no resigning", test_lock),
		FRESH("a killed daemon: priority 0 once for what was Active, from the own MAC", test_sends),
		FRESH("V040 unicast peers: each is told", test_peers),
		FRESH("a successor that starts first removes the file", test_successor),
		FRESH("no daemon has ever run", test_nothing),
		FRESH("what is no advertisement with priority 0 is not sent", test_bad_lines),
		FRESH("an interface that is gone", test_no_interface),
		FRESH("no directory, too long a path", test_open_fails),
	};
	int failed;

	snprintf(directory, sizeof(directory), "/tmp/test_resign.%d", (int)getpid());
	snprintf(control_socket, sizeof(control_socket), "%s/c", directory);
	snprintf(note_path, sizeof(note_path), "%s.active", control_socket);
	if (mkdir(directory, 0700) || !netns_open(&ns) || !netns_veth(&ns, "e0", "p0", 1) ||
	    !run("ip link set e0 address 02:00:00:00:00:11")) {
		rmdir(directory);
		printf("1..0 # SKIP needs root, network namespaces and veth\n");
		return 0;
	}
	device = if_nametoindex("e0");
	wire = listen_at_peer();
	failed = RUN(cases);
	run("rm -r %s", directory);
	return failed;
}
