/* SPDX-License-Identifier: ISC
 *
 * NAME      sandbox - the system calls that a worker gives up
 * PURPOSE   The lists, and their translation to a seccomp filter.
 * OWNER     every worker
 * CONTRACT  see sandbox.h
 * LIMITS    the kernel can't look behind pointers: clone3 is refused as unknown (libc then uses
 *           clone), and connect is out of reach by having no AF_UNIX socket to connect
 */
#include "workers/sandbox.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/socket.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Nobody calls these by mistake: whoever does is an intruder. */
static const int deadly[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(ptrace),
};

/* Ways to another process, refused unless the leak checker of a sanitizer may need them. */
static const int processes[] = {
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
};

static const int refused[] = {
	/* other processes */
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(process_madvise),
	SCMP_SYS(kcmp),
	SCMP_SYS(setns),
	SCMP_SYS(unshare),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(perf_event_open),
	/* file systems */
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(move_mount),
	SCMP_SYS(open_tree),
	SCMP_SYS(fsopen),
	SCMP_SYS(fsconfig),
	SCMP_SYS(fsmount),
	SCMP_SYS(fspick),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(mknod),
	SCMP_SYS(mknodat),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(quotactl),
	/* the kernel and the machine */
	SCMP_SYS(bpf),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(reboot),
	SCMP_SYS(acct),
	SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime),
	SCMP_SYS(adjtimex),
	SCMP_SYS(clock_adjtime),
	SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname),
	SCMP_SYS(ioperm),
	SCMP_SYS(iopl),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(keyctl),
	/* does by itself what the filter would refuse */
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register),
};

/* Programs attached to a socket: one worker's call would redirect the datagrams of all. */
static const int socket_programs[] = {
	SO_ATTACH_FILTER,	  SO_DETACH_FILTER,	    SO_ATTACH_BPF,
	SO_ATTACH_REUSEPORT_CBPF, SO_ATTACH_REUSEPORT_EBPF, SO_DETACH_REUSEPORT_BPF,
};

/* All functions return 0 or a negative errno, as libseccomp does. */
static int deny(scmp_filter_ctx filter, uint32_t action, const int calls[], size_t count)
{
	int error = 0;

	for (size_t i = 0; i < count && error == 0; i++)
		error = seccomp_rule_add(filter, action, calls[i], 0);
	return error;
}

/* A pair of streams is for an aide; once connected they can't be turned to anybody else, as pairs of
 * other types can. */
static int deny_pairs(scmp_filter_ctx filter)
{
	const uint32_t refuse = SCMP_ACT_ERRNO(EPERM), type = 0xf;
	int error = seccomp_rule_add(filter, refuse, SCMP_SYS(socketpair), 1,
				     SCMP_A0_32(SCMP_CMP_NE, AF_UNIX));

	for (uint32_t i = 0; i <= type && error == 0; i++)
		if (i != SOCK_STREAM)
			error = seccomp_rule_add(filter, refuse, SCMP_SYS(socketpair), 1,
						 SCMP_A1_32(SCMP_CMP_MASKED_EQ, type, i));
	return error;
}

static int deny_processes(scmp_filter_ctx filter)
{
	const uint32_t refuse = SCMP_ACT_ERRNO(EPERM);
	int error;

	error = deny(filter, SCMP_ACT_KILL_PROCESS, deadly, COUNT_OF(deadly));
	if (error == 0)
		error = deny(filter, refuse, processes, COUNT_OF(processes));
	if (error == 0)
		error = deny_pairs(filter);
	if (error == 0) /* threads stay allowed */
		error = seccomp_rule_add(filter, refuse, SCMP_SYS(clone), 1,
					 SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	if (error == 0)
		error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return error;
}

static int deny_sockets(scmp_filter_ctx filter, bool connect_unix)
{
	const uint32_t refuse = SCMP_ACT_ERRNO(EPERM);
	int error;

	/* above AF_INET6: netlink, packets, kernel cryptography, virtual machines ... */
	error = seccomp_rule_add(filter, refuse, SCMP_SYS(socket), 1,
				 SCMP_A0_32(SCMP_CMP_GT, AF_INET6));
	if (error == 0 && !connect_unix)
		error = seccomp_rule_add(filter, refuse, SCMP_SYS(socket), 1,
					 SCMP_A0_32(SCMP_CMP_EQ, AF_UNIX));
	for (size_t i = 0; i < COUNT_OF(socket_programs) && error == 0; i++)
		error = seccomp_rule_add(filter, refuse, SCMP_SYS(setsockopt), 2,
					 SCMP_A1_32(SCMP_CMP_EQ, SOL_SOCKET),
					 SCMP_A2_32(SCMP_CMP_EQ, (uint32_t)socket_programs[i]));
	return error;
}

int sandbox_enter(bool connect_unix)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int error;

	if (filter == NULL) {
		errno = ENOMEM;
		return -1;
	}
	error = deny(filter, SCMP_ACT_ERRNO(EPERM), refused, COUNT_OF(refused));
	if (error == 0 && !SANDBOX_SANITIZED)
		error = deny_processes(filter);
	if (error == 0)
		error = deny_sockets(filter, connect_unix);
	if (error == 0)
		error = seccomp_load(filter);
	seccomp_release(filter);
	errno = -error;
	return error == 0 ? 0 : -1;
}
