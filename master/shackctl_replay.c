/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_replay - sends a quarantined datagram
 * PURPOSE   See shackctl_replay.h.
 * OWNER     shackctl
 * CONTRACT  see shackctl_replay.h
 * LIMITS    see shackctl_replay.h
 */
#include "master/shackctl_replay.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "master/shackctl_talk.h"
#include "shm/addr.h"

#define FILE_MAX  16384
#define PORT	  42000
#define NAME_AT	  4 /* YSF protocol: a gateway's name follows the tag in everything it sends */
#define NAME_SIZE 10
#define ANSWER_MS 2000
#define POLL_SIZE (NAME_AT + NAME_SIZE)

static bool fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

static bool fail(const char *format, ...)
{
	va_list args;

	fputs("shackctl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return false;
}

/* The whole file; the datagram is what follows the first empty line. */
static bool read_file(const char *path, char data_r[FILE_MAX], const char **datagram_r,
		      size_t *length_r)
{
	FILE *file = fopen(path, "rb");
	const char *end;
	size_t size;

	if (file == NULL)
		return fail("%s: %s", path, strerror(errno));
	size = fread(data_r, 1, FILE_MAX, file);
	if (ferror(file)) {
		fclose(file);
		return fail("%s: %s", path, strerror(errno));
	}
	fclose(file);
	end = memmem(data_r, size, "\n\n", 2);
	if (end == NULL || size == FILE_MAX)
		return fail(
			"%s is no quarantined datagram: it has no head that ends in an empty line",
			path);
	*datagram_r = end + 2;
	*length_r = size - (size_t)(end + 2 - data_r);
	return true;
}

/* Links as the gateway that sent it. */
static bool link_as(int sock, const char *datagram, size_t length)
{
	struct pollfd wait = {.fd = sock, .events = POLLIN};
	char text[POLL_SIZE], answer[64];
	ssize_t got;

	if (length < POLL_SIZE || memcmp(datagram, "YSF", 3) != 0)
		return fail("it names no gateway to link as: sent without a link");
	memcpy(text, "YSFP", NAME_AT);
	memcpy(text + NAME_AT, datagram + NAME_AT, NAME_SIZE);
	if (send(sock, text, sizeof(text), 0) < 0)
		return fail("can't send: %s", strerror(errno));
	if (poll(&wait, 1, ANSWER_MS) != 1)
		return fail("the poll was not answered: sent without a link");
	got = recv(sock, answer, sizeof(answer), 0);
	if (got < 4 || memcmp(answer, "YSFP", 4) != 0)
		return fail("the poll was not answered as polls are: sent all the same");
	return true;
}

static bool send_to(const struct addr *to, const char *datagram, size_t length)
{
	union addr_sock name;
	socklen_t size = addr_to_sock(to, &name);
	int sock = socket(addr_family(to), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool sent;

	if (sock < 0 || connect(sock, &name.sa, size) != 0) {
		fail("can't make a socket: %s", strerror(errno));
		if (sock >= 0)
			close(sock);
		return false;
	}
	link_as(sock, datagram, length);
	sent = send(sock, datagram, length, 0) == (ssize_t)length;
	if (!sent)
		fail("can't send: %s", strerror(errno));
	close(sock);
	return sent;
}

int replay(const char *const words[], int count)
{
	char data[FILE_MAX], text[ADDR_TEXT_MAX];
	const char *datagram = data;
	struct addr to;
	size_t length = 0;

	if (count != 2) {
		fprintf(stderr, "usage: shackctl quarantine replay FILE ADDRESS:PORT\n");
		return EXIT_USAGE;
	}
	if (addr_parse(words[1], PORT, &to) != 0) {
		fail("%s is no address such as 127.0.0.1:42000", words[1]);
		return EXIT_USAGE;
	}
	if (!read_file(words[0], data, &datagram, &length) || !send_to(&to, datagram, length))
		return EXIT_REFUSED;
	printf("%zu bytes sent to %s\n", length, addr_text(&to, text));
	return EXIT_DONE;
}
