/* SPDX-License-Identifier: ISC
 *
 * NAME      mqtt - reception reports of PSKReporter
 * PURPOSE   Subscribes at a broker and takes what it publishes, by libmosquitto in our own loop.
 * OWNER     feed
 * CONTRACT  Nothing here waits: the broker is connected to by literal address. Whatever breaks the protocol
 *           ends the connection, and the broker is tried again later. The library makes room for a packet of
 *           the length that it claims: the process may have little more memory than it has now, so that
 *           a lie of a hundred megabytes is refused by the kernel.
 * LIMITS    PUBLISH_MAX bytes a packet, MESSAGES_A_TURN messages a turn
 */
#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shm/band.h"
#include "shm/log.h"
#include "shm/watch.h"
#include "workers/feed/feed.h"
#include "workers/feed/pskr.h"
#include "workers/sandbox.h"

#define KEEPALIVE	60		  /* seconds */
#define PATIENCE	(10 * NS_PER_SEC) /* for CONNACK */
#define TOPIC_MAX	256
#define PUBLISH_MAX	(256U << 10)
#define MESSAGES_A_TURN 512
#define RECEIVE_BUFFER	(1 << 20) /* a broker sends in bursts */
#define SPARE_MEMORY	(4UL << 20)

#define NOT_QOS_0 "the broker publishes what is to be acknowledged"

struct mqtt {
	struct feed *feed;
	struct mosquitto *client; /* NULL: no connection, nor one in the making */
	ev_io io;
	bool accepted;	 /* CONNACK came */
	const char *why; /* it is to end, because of this */
	bool is_long;
	uint64_t since; /* clock_mono of the connection's begin */
	uint64_t heard; /* ... of the last message */
	uint64_t messages;
	uint64_t taken;		    /* messages so far: their numbers in the ring */
	int subscribed[FEED_MODES]; /* number of the request for each mode */
	unsigned granted, asked, answered;
};

/* ---- what the library calls ---- */

static void subscribe(struct mqtt *mqtt, const char *topic, unsigned which)
{
	int error = mosquitto_subscribe(mqtt->client, &mqtt->subscribed[which], topic, 0);

	mqtt->asked++;
	if (error != MOSQ_ERR_SUCCESS)
		mqtt->why = mosquitto_strerror(error);
}

static void on_connect(struct mosquitto *client, void *arg, int code)
{
	struct mqtt *mqtt = arg;
	const struct feed_want *want = &mqtt->feed->want;

	(void)client;
	if (code != 0) {
		mqtt->why = mosquitto_connack_string(code);
		return;
	}
	mqtt->accepted = true;
	mqtt->heard = clock_mono();
	page_count(mqtt->feed->page, COUNT_FEED_CONNECTS);
	for (unsigned i = 0; i < want->modes; i++) {
		char topic[64];

		snprintf(topic, sizeof(topic), "pskr/filter/v2/+/%s/#", want->mode[i].name);
		subscribe(mqtt, topic, i);
	}
	if (want->modes == 0)
		subscribe(mqtt, want->topic, 0);
}

/* One topic that is refused does not stop the others. */
static void on_subscribe(struct mosquitto *client, void *arg, int request, int count,
			 const int *granted)
{
	struct mqtt *mqtt = arg;
	struct feed *feed = mqtt->feed;
	const char *what = feed->want.topic;
	bool is_refused = count < 1 || granted[0] > 2;

	(void)client;
	for (unsigned i = 0; i < feed->want.modes; i++)
		if (mqtt->subscribed[i] == request)
			what = feed->want.mode[i].name;
	mqtt->answered++;
	mqtt->granted += !is_refused;
	if (is_refused)
		log_warning("feed %s: the broker refuses to subscribe us to %s", feed->want.name,
			    what);
	if (mqtt->answered < mqtt->asked)
		return;
	if (mqtt->granted == 0) {
		mqtt->why = "the broker refuses every topic";
		mqtt->is_long = true;
		return;
	}
	log_info("feed %s: up", feed->want.name);
	tell_state(feed, FEED_UP, NULL);
}

static bool is_wanted(const struct feed_want *want, unsigned mode)
{
	for (unsigned i = 0; i < want->modes; i++)
		if (want->mode[i].mode == mode)
			return true;
	return want->modes == 0 && mode != MODE_WSPR; /* beacons all, and they must be asked for */
}

static void take_payload(struct mqtt *mqtt, const char *text, size_t length)
{
	static const enum page_counter counter[PSKR_ERRORS] = {
		[PSKR_JSON] = COUNT_FEED_BAD_JSON, [PSKR_FIELD] = COUNT_FEED_BAD_FIELD,
		[PSKR_CALL] = COUNT_FEED_BAD_CALL, [PSKR_BAND] = COUNT_FEED_BAD_BAND,
		[PSKR_TIME] = COUNT_FEED_BAD_AGE,
	};
	struct feed *feed = mqtt->feed;
	struct spot spot;
	enum pskr_error error =
		pskr_parse(text, length, (int64_t)(clock_real() / NS_PER_SEC), &spot);

	if (error != PSKR_OK) {
		page_count(feed->page, counter[error]);
		log_limited(LOG_LEVEL_DEBUG, "feed %s: %s: %.*s", feed->want.name,
			    pskr_error_text(error), (int)(length < 128 ? length : 128), text);
	} else if (!is_wanted(&feed->want, spot.mode)) {
		page_count(feed->page, COUNT_FEED_DROP_MODE);
	} else {
		intake(feed, &spot, feed->worker->generation, ++mqtt->taken);
	}
}

static void on_message(struct mosquitto *client, void *arg, const struct mosquitto_message *message)
{
	struct mqtt *mqtt = arg;
	struct feed *feed = mqtt->feed;
	size_t topic = strlen(message->topic);
	size_t length = message->payloadlen > 0 ? (size_t)message->payloadlen : 0;

	(void)client;
	mqtt->messages++;
	mqtt->heard = clock_mono();
	page_count(feed->page, COUNT_FEED_RECEIVED);
	if (topic == 0 || topic > TOPIC_MAX || strpbrk(message->topic, "+#") != NULL) {
		page_count(feed->page, COUNT_FEED_BAD_TOPIC);
		mqtt->why = "the broker publishes under a topic that is none";
	} else if (message->qos != 0) {
		mqtt->why = NOT_QOS_0;
	} else if (length > PUBLISH_MAX) {
		page_count(feed->page, COUNT_FEED_BAD_LONG);
		mqtt->why = "the broker publishes what is far too long";
	} else if (length > PSKR_PAYLOAD_MAX) {
		page_count(feed->page, COUNT_FEED_BAD_LONG);
	} else {
		take_payload(mqtt, message->payload, length);
	}
}

/* What is to be delivered exactly once the library keeps to itself at first. Nobody asked for that. */
static void on_log(struct mosquitto *client, void *arg, int level, const char *text)
{
	struct mqtt *mqtt = arg;

	(void)client;
	if (level == MOSQ_LOG_DEBUG && strstr(text, "sending PUBREC") != NULL)
		mqtt->why = NOT_QOS_0;
}

/* ---- the connection ---- */

static void hang_up(struct mqtt *mqtt)
{
	ev_io_stop(mqtt->feed->worker->loop, &mqtt->io);
	if (mqtt->client != NULL)
		mosquitto_destroy(mqtt->client);
	mqtt->client = NULL;
	mqtt->accepted = false;
	mqtt->asked = mqtt->answered = mqtt->granted = 0;
}

static void fail(struct mqtt *mqtt, const char *why, bool is_long)
{
	hang_up(mqtt);
	mqtt->why = NULL;
	mqtt->is_long = false;
	dial_failed(mqtt->feed, why, is_long);
}

/* What the library or a callback of ours says of the connection. False: it is over. */
static bool goes_on(struct mqtt *mqtt, int error)
{
	if (mqtt->why != NULL)
		fail(mqtt, mqtt->why, mqtt->is_long);
	else if (error == MOSQ_ERR_ERRNO)
		fail(mqtt, strerror(errno), false);
	else if (error != MOSQ_ERR_SUCCESS)
		fail(mqtt, mosquitto_strerror(error), false);
	return mqtt->client != NULL;
}

static void watch(struct mqtt *mqtt)
{
	struct ev_loop *loop = mqtt->feed->worker->loop;
	int fd = mosquitto_socket(mqtt->client);
	int events = EV_READ | (mosquitto_want_write(mqtt->client) ? EV_WRITE : 0);

	if (ev_is_active(&mqtt->io) && mqtt->io.fd == fd &&
	    (mqtt->io.events & (EV_READ | EV_WRITE)) == events)
		return;
	ev_io_stop(loop, &mqtt->io);
	if (fd < 0)
		return;
	ev_io_set(&mqtt->io, fd, events);
	ev_io_start(loop, &mqtt->io);
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
	struct mqtt *mqtt = io->data;
	int error = MOSQ_ERR_SUCCESS;

	if (watch_lost(loop, io, events))
		return;
	if (events & EV_WRITE)
		error = mosquitto_loop_write(mqtt->client, 1);
	for (unsigned i = 0; (events & EV_READ) && error == MOSQ_ERR_SUCCESS && i < MESSAGES_A_TURN;
	     i++) {
		uint64_t before = mqtt->messages;

		error = mosquitto_loop_read(mqtt->client, 1);
		if (mqtt->messages == before || mqtt->why != NULL)
			break; /* no more is there, or it was no message: the loop calls again */
	}
	if (goes_on(mqtt, error))
		watch(mqtt);
}

static bool make_client(struct mqtt *mqtt)
{
	char id[64];

	snprintf(id, sizeof(id), "%s-%d-%08x",
		 conf_text(mqtt->feed->worker->conf, CONF_DXC_NODE_CALL), getpid(),
		 randombytes_random());
	mqtt->client = mosquitto_new(id, true, mqtt);
	if (mqtt->client == NULL)
		return false;
	mosquitto_int_option(mqtt->client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V311);
	mosquitto_connect_callback_set(mqtt->client, on_connect);
	mosquitto_subscribe_callback_set(mqtt->client, on_subscribe);
	mosquitto_message_callback_set(mqtt->client, on_message);
	mosquitto_log_callback_set(mqtt->client, on_log);
	return true;
}

static void dial(struct mqtt *mqtt)
{
	struct feed *feed = mqtt->feed;
	const int room = RECEIVE_BUFFER;
	char text[ADDR_TEXT_MAX];
	struct addr addr;
	int error;

	if (!dial_address(feed, &addr)) {
		tell_state(feed, FEED_RESOLVING, NULL);
		return;
	}
	if (!make_client(mqtt)) {
		fail(mqtt, "out of memory", false);
		return;
	}
	tell_state(feed, FEED_CONNECTING, NULL);
	mqtt->since = clock_mono();
	error = mosquitto_connect_async(mqtt->client, addr_ip_text(&addr, text), addr.port,
					KEEPALIVE);
	if (!goes_on(mqtt, error))
		return;
	/* failing, bursts wait in the broker */
	setsockopt(mosquitto_socket(mqtt->client), SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	watch(mqtt);
}

void mqtt_tick(struct mqtt *mqtt)
{
	struct feed *feed = mqtt->feed;
	uint64_t now = clock_mono();

	if (mqtt->client == NULL) {
		if (now >= feed->backoff.retry)
			dial(mqtt);
		return;
	}
	if (!goes_on(mqtt, mosquitto_loop_misc(mqtt->client)))
		return;
	if (!mqtt->accepted && clock_age(now, mqtt->since) > PATIENCE) {
		fail(mqtt, "no answer of the broker", false);
		return;
	}
	if (mqtt->accepted && clock_age(now, mqtt->heard) >= feed->want.idle_timeout) {
		fail(mqtt, "silence", false);
		return;
	}
	if (mqtt->messages > 0 && mqtt->heard > mqtt->since + BACKOFF_STEADY)
		dial_steady(feed);
	watch(mqtt);
}

void mqtt_end(struct mqtt *mqtt, const char *why)
{
	if (mqtt->client == NULL)
		return;
	mosquitto_disconnect(mqtt->client);
	fail(mqtt, why, false);
}

/* ---- the beginning and the end ---- */

/* Bytes of memory of our own that this process has; 0: unknown. */
static rlim_t data_size(void)
{
	char text[128] = "", *at = text;
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (file == NULL)
		return 0;
	if (fgets(text, sizeof(text), file) == NULL)
		text[0] = '\0';
	fclose(file);
	for (unsigned field = 0; field < 6; field++)
		pages = strtoul(at, &at, 10);
	return pages * (unsigned long)sysconf(_SC_PAGESIZE);
}

/* From here on this process may have little more memory than it has. */
static void bound_memory(void)
{
	rlim_t most = data_size() + SPARE_MEMORY;
	const struct rlimit limit = {.rlim_cur = most, .rlim_max = most};

	if (SANDBOX_SANITIZED || most == SPARE_MEMORY)
		return;
	if (setrlimit(RLIMIT_DATA, &limit) != 0)
		log_warning("memory can't be bounded: %s", strerror(errno));
}

struct mqtt *mqtt_new(struct feed *feed)
{
	struct mqtt *mqtt = calloc(1, sizeof(*mqtt));

	if (mqtt == NULL || mosquitto_lib_init() != MOSQ_ERR_SUCCESS) {
		free(mqtt);
		return NULL;
	}
	mqtt->feed = feed;
	ev_io_init(&mqtt->io, on_io, -1, EV_READ);
	mqtt->io.data = mqtt;
	bound_memory();
	return mqtt;
}

void mqtt_free(struct mqtt **mqtt)
{
	if (*mqtt == NULL)
		return;
	hang_up(*mqtt);
	mosquitto_lib_cleanup();
	free(*mqtt);
	*mqtt = NULL;
}
