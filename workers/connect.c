/* SPDX-License-Identifier: ISC
 *
 * NAME      connect - a TCP connection, begun without waiting
 * PURPOSE   See connect.h.
 * OWNER     feed, link
 * CONTRACT  see connect.h
 * LIMITS    see connect.h
 */
#include "workers/connect.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int connect_begin(const struct addr *addr)
{
	union addr_sock sock;
	socklen_t length = addr_to_sock(addr, &sock);
	int fd = socket(sock.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0 || connect(fd, &sock.sa, length) == 0 || errno == EINPROGRESS)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

int connect_result(int fd)
{
	int error = 0, saved = errno;
	socklen_t length = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
		error = errno;
	errno = saved;
	return error;
}
