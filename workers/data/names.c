/* SPDX-License-Identifier: ISC
 *
 * NAME      names - host names, asked for without waiting
 * PURPOSE   See names.h.
 * OWNER     data
 * CONTRACT  see names.h; c-ares calls back from names_turn and from the watchers of its sockets
 * LIMITS    SOCKETS sockets to name servers
 */
#include "workers/data/names.h"

#include <ares.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "shm/addr.h"
#include "shm/log.h"
#include "shm/watch.h"
#include "workers/data/compile.h"
#include "workers/data/rows.h"

#define SOCKETS	       64
#define RETRY_FIRST    (5 * NS_PER_SEC)
#define TIMEOUT_MS     2000
#define TRIES	       2
#define ASKS_A_TURN    64	  /* those that the hosts file answers are answered at once */
#define HASTE	       NS_PER_SEC /* the longest that a change waits for further answers */
#define COMPLAINTS_MAX 20	  /* of one set of names */
#define RESOLV_CONF    "/etc/resolv.conf"

struct name {
	struct names *names;
	char host[LIST_HOST];
	uint8_t ip[HOSTS_ADDRS][16];
	unsigned count;
	unsigned failures; /* in a row */
	uint64_t due;	   /* clock_mono */
	bool asking;	   /* c-ares has it */
	bool answered;	   /* it was asked for at least once */
	bool wanted;
	bool warned;
};

/* How a name is found. */
struct name_row {
	char host[LIST_HOST];
	struct name *name;
};

struct names {
	struct ev_loop *loop;
	ares_channel channel;
	bool has_channel;
	struct timespec configured; /* date of the resolver's configuration that the channel has */
	ev_io socket[SOCKETS];
	struct rows rows;
	unsigned asking;
	unsigned complaints;
	bool changed;
	uint64_t changed_at;
	struct names_counts counts;
};

/* ---- the channel ---- */

static void on_socket(struct ev_loop *loop, ev_io *watch, int events)
{
	struct names *names = watch->data;

	if (watch_lost(loop, watch, events))
		return;
	ares_process_fd(names->channel, events & EV_READ ? watch->fd : ARES_SOCKET_BAD,
			events & EV_WRITE ? watch->fd : ARES_SOCKET_BAD);
}

static ev_io *watch_of(struct names *names, int fd)
{
	ev_io *unused = NULL;

	for (unsigned i = 0; i < SOCKETS; i++) {
		if (ev_is_active(&names->socket[i]) && names->socket[i].fd == fd)
			return &names->socket[i];
		if (!ev_is_active(&names->socket[i]))
			unused = &names->socket[i];
	}
	return unused;
}

/* c-ares says what it waits for. A socket too many is served by the next turn's timeouts. */
static void on_interest(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct names *names = arg;
	ev_io *watch = watch_of(names, fd);

	if (watch == NULL)
		return;
	ev_io_stop(names->loop, watch);
	if (!readable && !writable)
		return;
	ev_io_set(watch, fd, (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
	ev_io_start(names->loop, watch);
}

static struct timespec date_of_configuration(void)
{
	struct stat st;

	return stat(RESOLV_CONF, &st) == 0 ? st.st_mtim : (struct timespec){0};
}

static int open_channel(struct names *names)
{
	struct ares_options options = {.timeout = TIMEOUT_MS,
				       .tries = TRIES,
				       .lookups = (char *)"fb",
				       .sock_state_cb = on_interest,
				       .sock_state_cb_data = names};
	int error;

	names->configured = date_of_configuration();
	error = ares_init_options(&names->channel, &options,
				  ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
					  ARES_OPT_SOCK_STATE_CB);
	names->has_channel = error == ARES_SUCCESS;
	return error;
}

static void close_channel(struct names *names)
{
	if (names->has_channel)
		ares_destroy(names->channel);
	names->has_channel = false;
}

/* Other name servers: c-ares learns of them from a new channel, made when nothing is on its way. */
static void follow_configuration(struct names *names)
{
	struct timespec date = date_of_configuration();

	if (names->has_channel && date.tv_sec == names->configured.tv_sec &&
	    date.tv_nsec == names->configured.tv_nsec)
		return;
	if (names->asking > 0)
		return;
	close_channel(names);
	if (open_channel(names) != ARES_SUCCESS)
		log_limited(LOG_LEVEL_WARNING, "the resolver can't be set up from %s", RESOLV_CONF);
}

/* ---- one name ---- */

static struct name *find(const struct names *names, const char *host)
{
	char key[LIST_HOST] = "";
	const struct name_row *row;

	if (strlen(host) >= sizeof(key))
		return NULL;
	memcpy(key, host, strlen(host));
	row = rows_find(&names->rows, key);
	return row != NULL ? row->name : NULL;
}

static struct name *add(struct names *names, const char *host)
{
	struct name_row row = {.host = ""};
	struct name *name;

	if (names->rows.count >= NAMES_MAX || strlen(host) >= sizeof(row.host))
		return NULL;
	name = calloc(1, sizeof(*name));
	if (name == NULL)
		return NULL;
	memcpy(row.host, host, strlen(host));
	memcpy(name->host, row.host, sizeof(name->host));
	row.name = name;
	name->names = names;
	if (rows_put(&names->rows, &row, NULL) == ROWS_NEW)
		return name;
	free(name);
	return NULL;
}

static void note_change(struct names *names)
{
	if (!names->changed)
		names->changed_at = clock_mono();
	names->changed = true;
}

/* Same addresses, in whatever order? Name servers rotate them. */
static bool same_addresses(const struct name *name, uint8_t ip[HOSTS_ADDRS][16], unsigned count)
{
	unsigned found = 0;

	if (count != name->count)
		return false;
	for (unsigned i = 0; i < count; i++)
		for (unsigned n = 0; n < count; n++)
			if (memcmp(ip[i], name->ip[n], 16) == 0) {
				found++;
				break;
			}
	return found == count;
}

static void log_addresses(const struct name *name)
{
	char text[HOSTS_ADDRS * ADDR_TEXT_MAX] = "", one[ADDR_TEXT_MAX];
	size_t length = 0;

	for (unsigned i = 0; i < name->count; i++) {
		struct addr addr = {0};

		memcpy(addr.ip, name->ip[i], sizeof(addr.ip));
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s",
					   i > 0 ? ", " : "", addr_ip_text(&addr, one));
	}
	log_limited(LOG_LEVEL_INFO, "host %s is %s", name->host, text);
}

static void take_answer(struct name *name, const struct ares_addrinfo *answer)
{
	uint8_t ip[HOSTS_ADDRS][16];
	unsigned count = 0;

	for (const struct ares_addrinfo_node *node = answer->nodes;
	     node != NULL && count < HOSTS_ADDRS; node = node->ai_next) {
		struct addr addr;
		unsigned i = 0;

		if (addr_from_sock(node->ai_addr, node->ai_addrlen, &addr) != 0)
			continue;
		while (i < count && memcmp(ip[i], addr.ip, 16) != 0)
			i++;
		if (i == count)
			memcpy(ip[count++], addr.ip, 16);
	}
	if (count == 0 || same_addresses(name, ip, count))
		return;
	memcpy(name->ip, ip, sizeof(name->ip));
	name->count = count;
	note_change(name->names);
	log_addresses(name);
}

static void complain(struct name *name, int status)
{
	struct names *names = name->names;

	if (name->warned)
		return;
	name->warned = true;
	if (++names->complaints > COMPLAINTS_MAX)
		return;
	log_warning("host %s can't be resolved: %s; %s, and it is asked for again", name->host,
		    ares_strerror(status),
		    name->count > 0 ? "its last addresses stay" : "it has no address until it can");
	if (names->complaints == COMPLAINTS_MAX)
		log_warning("further hosts that can't be resolved are not named");
}

static uint64_t back_off(unsigned failures)
{
	uint64_t wait = RETRY_FIRST;

	for (unsigned i = 1; i < failures && wait < NAMES_REFRESH; i++)
		wait *= 2;
	return wait < NAMES_REFRESH ? wait : NAMES_REFRESH;
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *answer)
{
	struct name *name = arg;
	struct names *names = name->names;
	bool good = status == ARES_SUCCESS && answer != NULL && answer->nodes != NULL;

	(void)timeouts;
	names->asking--;
	name->asking = false;
	name->answered = true;
	if (!name->wanted) {
		free(name);
	} else if (good) {
		names->counts.answers++;
		if (name->warned)
			log_info("host %s can be resolved again", name->host);
		name->warned = false;
		name->failures = 0;
		name->due = clock_mono() + NAMES_REFRESH;
		take_answer(name, answer);
	} else if (status != ARES_EDESTRUCTION && status != ARES_ECANCELLED) {
		names->counts.failures++;
		name->failures++;
		name->due = clock_mono() + back_off(name->failures);
		complain(name, status);
	}
	if (answer != NULL)
		ares_freeaddrinfo(answer);
}

static void ask(struct name *name)
{
	static const struct ares_addrinfo_hints hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = ARES_AI_NOSORT};

	name->asking = true;
	name->names->asking++;
	/* may call back at once */
	ares_getaddrinfo(name->names->channel, name->host, NULL, &hints, on_answer, name);
}

/* ---- all of them ---- */

struct names *names_new(struct ev_loop *loop, char why_r[160])
{
	struct names *names = calloc(1, sizeof(*names));
	int error;

	if (names == NULL || !rows_init(&names->rows, sizeof(struct name_row), LIST_HOST)) {
		free(names);
		snprintf(why_r, 160, "out of memory");
		return NULL;
	}
	names->loop = loop;
	for (unsigned i = 0; i < SOCKETS; i++) {
		ev_io_init(&names->socket[i], on_socket, -1, 0);
		names->socket[i].data = names;
	}
	error = ares_library_init(ARES_LIB_INIT_ALL);
	if (error == ARES_SUCCESS)
		error = open_channel(names);
	/* without a channel nothing is resolved, and it is tried again */
	if (error != ARES_SUCCESS)
		log_warning("no name server can be asked: %s", ares_strerror(error));
	return names;
}

void names_free(struct names **names)
{
	struct names *self = *names;

	*names = NULL;
	if (self == NULL)
		return;
	close_channel(self);
	ares_library_cleanup();
	for (uint32_t i = 0; i < self->rows.count; i++)
		free(((struct name_row *)rows_at(&self->rows, i))->name);
	rows_free(&self->rows);
	free(self);
}

void names_seed(struct names *names, const char *host, const uint8_t ip[][16], unsigned count)
{
	struct name *name = find(names, host);

	if (name == NULL)
		name = add(names, host);
	if (name == NULL)
		return;
	name->count = count < HOSTS_ADDRS ? count : HOSTS_ADDRS;
	memcpy(name->ip, ip, name->count * sizeof(name->ip[0]));
}

void names_begin(struct names *names)
{
	names->complaints = 0;
	for (uint32_t i = 0; i < names->rows.count; i++)
		((struct name_row *)rows_at(&names->rows, i))->name->wanted = false;
}

bool names_want(struct names *names, const char *host)
{
	struct name *name = find(names, host);

	if (name == NULL)
		name = add(names, host);
	if (name == NULL)
		return false;
	name->wanted = true;
	return true;
}

void names_end(struct names *names)
{
	struct rows kept;

	note_change(names);
	if (!rows_init(&kept, sizeof(struct name_row), LIST_HOST))
		return; /* those that nobody wants stay until the next time */
	for (uint32_t i = 0; i < names->rows.count; i++) {
		const struct name_row *row = rows_at(&names->rows, i);

		if (row->name->wanted && rows_put(&kept, row, NULL) == ROWS_FULL) {
			rows_free(&kept);
			return;
		}
	}
	for (uint32_t i = 0; i < names->rows.count; i++) {
		struct name *name = ((struct name_row *)rows_at(&names->rows, i))->name;

		if (!name->wanted && !name->asking)
			free(name); /* else its answer does */
	}
	rows_free(&names->rows);
	names->rows = kept;
	names->rows.map.table = &names->rows;
}

void names_again(struct names *names)
{
	for (uint32_t i = 0; i < names->rows.count; i++)
		((struct name_row *)rows_at(&names->rows, i))->name->due = 0;
}

/* Asks what is due. Returns whether a question that was never answered is on its way or waits. */
static bool ask_due(struct names *names, uint64_t now)
{
	unsigned asked = 0;
	bool first = false;

	names->counts.unresolved = 0;
	for (uint32_t i = 0; i < names->rows.count; i++) {
		struct name *name = ((struct name_row *)rows_at(&names->rows, i))->name;

		if (!name->asking && name->due <= now && names->asking < NAMES_ASKING &&
		    names->has_channel && asked < ASKS_A_TURN) {
			asked++;
			ask(name);
		}
		first = first || !name->answered;
		names->counts.unresolved += name->count == 0;
	}
	names->counts.names = names->rows.count;
	return first;
}

bool names_turn(struct names *names, uint64_t now)
{
	bool first;

	follow_configuration(names);
	if (names->has_channel) /* what took too long */
		ares_process_fd(names->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	first = ask_due(names, now);
	if (!names->changed || (first && clock_age(now, names->changed_at) < HASTE))
		return false;
	names->changed = false;
	return true;
}

unsigned names_get(const struct names *names, const char *host, uint8_t ip_r[HOSTS_ADDRS][16])
{
	const struct name *name = find(names, host);

	if (name == NULL)
		return 0;
	memcpy(ip_r, name->ip, name->count * sizeof(name->ip[0]));
	return name->count;
}

struct names_counts names_count(const struct names *names)
{
	return names->counts;
}

int names_compile(const struct names *names)
{
	struct rows hosts;
	int fd = -1;

	if (!rows_init(&hosts, sizeof(struct hosts_entry), LIST_HOST)) {
		errno = ENOMEM;
		return -1;
	}
	errno = ENOMEM;
	for (uint32_t i = 0; i < names->rows.count; i++) {
		const struct name *name = ((struct name_row *)rows_at(&names->rows, i))->name;
		struct hosts_entry entry = {.count = name->count};

		memcpy(entry.host, name->host, sizeof(entry.host));
		memcpy(entry.ip, name->ip, name->count * sizeof(name->ip[0]));
		if (rows_put(&hosts, &entry, NULL) == ROWS_FULL) {
			rows_free(&hosts);
			return -1;
		}
	}
	fd = compile_hosts(&hosts, NULL);
	rows_free(&hosts);
	return fd;
}
