/* SPDX-License-Identifier: ISC
 *
 * NAME      ysf - what the parts of a YSF worker share
 * PURPOSE   The state of one worker and the calls by which its parts reach each other. The way of a
 *           datagram: receive -> (register | query | voice) -> relay; what the gate does not let
 *           through at once waits in hold; what others committed comes in by follow.
 * OWNER     ysf workers
 * CONTRACT  one thread. All that must survive the worker is in the voice store, the slot's page or
 *           its ring; everything here can be built anew from them.
 * LIMITS    see the parts
 */
#ifndef SHACKD_WORKERS_YSF_YSF_H
#define SHACKD_WORKERS_YSF_YSF_H

#include <ev.h>

#include "shm/access.h"
#include "shm/homes.h"
#include "shm/ring.h"
#include "shm/store/blocks.h"
#include "shm/store/clients.h"
#include "shm/store/events.h"
#include "shm/store/streams.h"
#include "workers/run.h"
#include "workers/ysf/blocked.h"
#include "workers/ysf/csd.h"
#include "workers/ysf/fanout.h"
#include "workers/ysf/fich.h"
#include "workers/ysf/frame.h"
#include "workers/ysf/gateways.h"
#include "workers/ysf/meta.h"
#include "workers/ysf/sources.h"
#include "workers/ysf/trouble.h"

#define YSF_HOLD_OTHERS 384 /* of the RING_HOLD that may wait for the gate, those that are no frames */
#define YSF_INTAKES  256 /* sockets that are read */
#define YSF_RELEASES 8

/* An open call, mirror of a stream record. */
struct call {
	bool open;
	bool counted; /* `counter` is that of a frame seen here */
	uint8_t dgid;
	uint8_t flags; /* enum stream_flag */
	uint8_t counter;
	uint8_t closing; /* enum event_reason: to be closed when the gate lets us */
	uint32_t key;
	uint32_t id;
	uint32_t lane;
	uint32_t client;
	struct client_key owner_key;
	struct gateway *owner; /* NULL when it is gone */
	uint64_t started;
	char source[CALL_MAX];
	uint8_t header[FRAME_SIZE];
	struct meta meta;      /* what its frames told */
	struct bucket telling; /* ... to the store */
	bool news;	       /* of it, something is not told yet */
	bool unrecorded;       /* a call to the parrot of which frames are missing on its tape */
};

/* A frame outside an open call: who asks for one, and with what. */
struct attempt {
	struct gateway *gateway;
	struct ring_entry *in;
	const struct fich *fich;
	struct csd csd; /* of a header; empty texts: not readable, or no header */
	char source[YSF_NAME_SIZE];
	char dest[YSF_NAME_SIZE]; /* as the radio has it, else as the network has it */
	bool late; /* no header, but good frames in a row */
};

/* A fan-out under way: one frame to all listeners' fans of a DG-ID. What a successor needs of it is
 * in the ring. */
struct relay {
	bool active;
	bool listed; /* the ring knows the receivers of the present listener */
	uint8_t dgid;
	uint16_t listener; /* where it stands */
	uint32_t at;
	uint16_t skip_listener;
	uint32_t skip;
	uint64_t began;
	struct ring_entry *entry; /* what is relayed, and its state when all have it */
	enum ring_state then;
	struct ring_farewell *farewell; /* or this */
};

/* An address that the daemon listens on, and the slot's own socket there: all that is sent leaves from
 * it. */
struct listener {
	struct ysf *ysf;
	unsigned index;
	int fd; /* -1: a gap, there is no such listener */
	struct addr addr;
	bool wildcard; /* bound to all addresses: replies name their source */
	bool choked;   /* its send buffer stayed full: no frames until it has drained */
	uint64_t drops; /* the kernel's count, as last read */
	ev_io writable;
};

/* A socket that is read: an own one, or that of a parked neighbour's slot. */
struct intake {
	struct ysf *ysf;
	unsigned listener;
	int fd;	       /* -1: the place is vacant */
	char slot[16]; /* the neighbour; empty: own */
	bool draining; /* the master wants to know when it stays empty */
	unsigned empty; /* ticks in a row on which it was */
	ev_io readable;
};

/* Whom a listener says that it is: an auxiliary port may have an alias. */
struct ysf_identity {
	uint32_t id;
	const char *name, *description;
};

/* What the configuration says, read once. */
struct ysf_settings {
	uint64_t watchdog, max_age, tx_timeout, reactivate; /* ns */
	uint32_t frame_rate; /* a second; 0: off */
	uint32_t clients, clients_per_ip, streams;
	bool late_entry;
	bool prefix; /* movable gateways see the DG-ID in front of the caller */
	int check_re; /* -1, 0, 1 */
	uint64_t wild_ptt_time; /* ns */
	uint32_t wild_ptt_count; /* 0: off */
	uint32_t home_time; /* seconds, of options */
	struct conf_dgids list;
	uint8_t dgid_default, dgid_local, dgid_parrot; /* 0: none */
	uint8_t aux[WORKER_LISTENERS]; /* DG-ID of an auxiliary port; 0: a main one */
	struct ysf_identity identity[WORKER_LISTENERS];
};

struct ysf {
	struct worker *worker;
	struct page *page;
	struct store *voice;
	struct ysf_settings set;
	struct gateways gateways;
	struct fanout fanout;
	struct blocked blocked;
	struct access *access;	 /* NULL: none came yet */
	struct homes *homes;
	uint32_t access_version; /* grows with every list: who was judged by which */
	uint32_t judged;	 /* so many entries of the table of gateways are */
	bool judge_calls;
	struct sources sources;
	struct listener listener[WORKER_LISTENERS];
	unsigned listeners; /* the highest index + 1 */
	struct worker_socket staged[WORKER_LISTENERS]; /* came for a configuration not yet in force */
	struct intake intake[YSF_INTAKES];
	bool reading;
	bool gone_ahead; /* GO has come: sockets are set up as they come */
	uint64_t leave_at[WORKER_LISTENERS]; /* the listener goes, then at the latest; 0: it stays */
	bool drain_all;	  /* MSG_DRAINED is owed for all listeners together */
	char release[YSF_RELEASES][16]; /* slots whose MSG_RELEASED is owed; empty: vacant */
	int route_probe[2]; /* unbound sockets, IPv4 and IPv6: which source would the route choose? */

	struct call *call; /* [lane] */
	uint32_t calls;	   /* open ones */
	uint32_t room[FANOUT_DGIDS]; /* lane + 1 of the call that holds the DG-ID */

	uint64_t now;	   /* clock_mono of this turn */
	uint64_t seen;	   /* transaction of the store that we know */
	uint64_t cursor;   /* event that we know */
	uint64_t events_read; /* since the pages of the map were given back */
	uint64_t flushed;  /* when polls were last written */
	uint64_t counted;  /* when the kernel's drops were last read, and troubles looked at */
	int64_t clock_offset; /* real - mono, to tell a step of the clock */
	bool stopping;
	bool no_calls; /* the daemon waits for its last call */

	struct ring *ring;
	unsigned count, next; /* of the batch in the ring */
	bool recovering; /* what the predecessor left is not yet sorted out: no fan-out begins */
	bool careful;	 /* ... is worked off one by one, so that a death accuses the right one */
	struct relay relay;
	ev_timer parrot; /* the next frame that is to be played back */

	struct trouble_state trouble[TROUBLES];
	struct replies *replies;  /* may be sent */
	struct replies *promises; /* only if the open transaction commits */
	struct registering *registering;
	struct bucket queries;	/* of all sources together */
	struct bucket links;	/* likewise */
	struct bucket say_link; /* log lines about links */
	struct bucket say_refused; /* events about who was refused */
};

/* ---- sockets.c: what is read, and what is sent from ---- */
void sockets_open(struct ysf *ysf);
void sockets_close(struct ysf *ysf);
/* With GO: the predecessor has ended, what it set at its sockets is ours now. */
void sockets_go(struct ysf *ysf);
/* Reads FD, a socket of LISTENER, from now on, and owns it (closes it when it fails, too). SLOT empty:
 * it is our own, and what the listener sends leaves from it. Else the neighbour whose it is. False
 * (logged): no such listener, one of that slot is there already, or no place. */
bool receive_add(struct ysf *ysf, unsigned listener, const struct addr *addr, int fd,
		 const char *slot);
/* Stops reading the sockets of SLOT (empty: our own) at LISTENER (MSG_ALL_LISTENERS: all of its) and
 * closes them. A listener whose own socket goes becomes a gap: nothing is sent there any more. */
void receive_remove(struct ysf *ysf, unsigned listener, const char *slot);
/* Own sockets that came by MSG_FD after GO wait for the configuration that names them: the hooks for
 * commit and unstage call these. */
void receive_staged_use(struct ysf *ysf);
void receive_staged_drop(struct ysf *ysf);
/* Listeners that the configuration names no more are drained, left, and MSG_DRAINED is said. */
void sockets_follow_conf(struct ysf *ysf);
/* All sockets: on or off. */
void receive_reading(struct ysf *ysf, bool on);
/* The kernel's count of what it dropped at full receive buffers, into the page. */
void sockets_count_drops(struct ysf *ysf);
/* The smallest receive buffer, likewise. */
void sockets_gauge_buffer(struct ysf *ysf);
/* Every tick: says MSG_DRAINED and MSG_RELEASED when it is true. */
void sockets_tick(struct ysf *ysf);
/* The kind's `message` hook: MSG_FD with a socket, MSG_RELEASE, MSG_DRAIN. */
void sockets_message(struct worker *worker, struct msg *msg);

/* ---- receive.c: datagrams in ---- */
/* Makes the ring ready to be read into. */
void receive_prepare(struct ysf *ysf);
/* Takes a batch from one socket and works it off. */
void receive_from(struct ysf *ysf, struct intake *intake);
/* Takes over COUNT datagrams that the kernel wrote into the ring. */
void receive_take(struct ysf *ysf, unsigned count, unsigned listener);
/* Is nothing under way: no batch, no fan-out, nothing that waits for the gate? */
bool receive_idle(const struct ysf *ysf);
/* Goes on with what is left: after a stalled fan-out, and after a predecessor. */
void receive_resume(struct ysf *ysf);
/* One datagram through classification to its part. False: it has to wait for the gate. */
bool receive_datagram(struct ysf *ysf, struct ring_entry *in);
/* Commits and answers what was gathered. */
void receive_flush(struct ysf *ysf);

/* ---- returned.c: datagrams that came back ---- */
/* Are we told of errors at the socket of INTAKE? */
void returned_wanted(const struct ysf *ysf, const struct intake *intake, bool on);
/* Takes what is in its error queue, counts and says it. */
void returned_read(struct ysf *ysf, const struct intake *intake);

/* ---- recover.c: what a predecessor left ---- */
/* With GO, before anything else touches ring or page. */
void recover(struct ysf *ysf);

/* ---- quarantine.c: datagrams that kill ---- */
/* Writes ENTRY to a file for people to look at. */
void quarantine(struct ysf *ysf, const struct ring_entry *entry);

/* ---- hold.c: datagrams that wait for the gate ---- */
/* Does an earlier datagram of the sender of IN wait? Then IN has to queue behind it. */
bool hold_waits(struct ysf *ysf, const struct ring_entry *in);
/* Queues a copy behind the others (or drops and counts it). */
void hold_put(struct ysf *ysf, struct ring_entry *in);
/* Tries again, in order; drops what waited too long. */
void hold_retry(struct ysf *ysf);

/* ---- register.c: who is linked ---- */
bool register_open(struct ysf *ysf);
void register_close(struct ysf *ysf);
/* The address of ours that the route to TO would leave from. False: there is no route. */
bool register_source(const struct ysf *ysf, const struct addr *to, uint8_t ip_r[16]);
bool register_poll(struct ysf *ysf, struct ring_entry *in, struct gateway *gateway);
bool register_unlink(struct ysf *ysf, const struct ring_entry *in, struct gateway *gateway);
/* The transaction that gathers; false while another process holds the gate. Who changed something
 * says so. */
struct store_txn *register_gather(struct ysf *ysf);
void register_changed(struct ysf *ysf);
/* Inside TXN: GATEWAY has sent a frame, so it is no forgery, and an older entry of the same name
 * and address that has gone quiet was the same gateway before its port changed. */
void register_heard(struct ysf *ysf, struct store_txn *txn, struct gateway *gateway);
/* Commits what was gathered, follows it, lets the answers go. */
void register_flush(struct ysf *ysf);
/* Once a second: writes the times of polls. ALL: until none is left (at the end). */
void register_keep_alive(struct ysf *ysf, bool all);
/* Polls that a predecessor answered and did not write. */
void register_recover(struct ysf *ysf);

/* ---- inform.c: what gateways say of themselves ---- */
bool inform_options(struct ysf *ysf, struct ring_entry *in, struct gateway *gateway);
bool inform_info(struct ysf *ysf, struct ring_entry *in, struct gateway *gateway);

/* ---- query.c, replies.c: answers ---- */
void query_status(struct ysf *ysf, struct ring_entry *in);
void query_version(struct ysf *ysf, struct ring_entry *in);
struct replies *replies_make(void);
void replies_free(struct replies **replies);
/* Queues LENGTH (at most 64) bytes for the sender of IN, which is not done before they are sent. */
void replies_add(struct ysf *ysf, struct replies *replies, struct ring_entry *in,
		 const void *data, size_t length);
void replies_forget(struct replies *replies);
bool replies_full(const struct replies *replies);
void replies_send(struct ysf *ysf, struct replies *replies);

/* ---- voice.c: frames ---- */
bool voice_frame(struct ysf *ysf, struct ring_entry *in, struct gateway *gateway);
/* A frame of CALL to its listeners. FICH is NULL when it is damaged. */
void voice_pass_on(struct ysf *ysf, struct call *call, struct ring_entry *in,
		   const struct fich *fich);

/* ---- admit.c: the access check ---- */
/* False: refused, counted and told about. */
bool admit(struct ysf *ysf, const struct attempt *by);
/* Would the access list still let CALL be opened? */
bool admit_still(struct ysf *ysf, const struct call *call);

/* ---- tell.c: events about what was not passed on ---- */
void tell_refused(struct ysf *ysf, const struct attempt *by, enum event_reason reason);
void tell_busy(struct ysf *ysf, const struct attempt *by, uint8_t dgid);
/* A frame that belongs to no call: does an attempt that lost go on with it, or end? */
void tell_orphan(struct ysf *ysf, const struct attempt *by);

/* ---- protect.c: callers that have to pause ---- */
/* Blocks the caller SOURCE for protection.reactivate. False: it was blocked for longer, or there is no
 * room. */
bool protect_park(struct ysf *ysf, struct store_txn *txn, const char *source,
		  enum block_reason reason);
/* Counts a call that SOURCE opens in TXN. True: that was one too many, its caller is blocked. */
bool protect_count(struct ysf *ysf, struct store_txn *txn, const char *source);

/* ---- listed.c: access list and home list ---- */
void listed_open(struct ysf *ysf);
void listed_close(struct ysf *ysf);
/* The kind's `list` hook. */
void listed_come(struct worker *worker, unsigned index);
/* All gateways and calls are to be judged anew, by listed_tick. */
void listed_judge_all(struct ysf *ysf);
/* Makes `muted` and `locked` what the present list says; costs nothing when they are. */
void listed_judge(struct ysf *ysf, struct gateway *gateway);
/* Every tick: a slice of those that are still to be judged. */
void listed_tick(struct ysf *ysf);

/* ---- opening.c: a call begins ---- */
/* Opens the call that is asked for and relays its first frame, or says why not. False: has to wait for
 * the gate. */
bool opening(struct ysf *ysf, struct attempt *by);

/* ---- relay.c: frames out ---- */
/* Sends the frame ENTRY to all on DGID but SKIP (may be NULL); ENTRY is in state THEN when all have
 * it. Movable gateways get REWRITTEN instead, if there is one. Nothing else may be relayed while
 * active. */
void relay_start(struct ysf *ysf, uint8_t dgid, struct ring_entry *entry, enum ring_state then,
		 const struct gateway *skip, const uint8_t *rewritten);
/* What movable gateways get instead of FRAME, a frame of DGID: REWRITTEN_R, or NULL: the same. */
const uint8_t *relay_rewrite(const struct ysf *ysf, const uint8_t *frame, const struct fich *fich,
			     uint8_t dgid, uint8_t rewritten_r[FRAME_SIZE]);
/* Finishes the fan-out that a predecessor began. */
void relay_resume(struct ysf *ysf);
void relay_continue(struct ysf *ysf);
/* A send buffer that stays full must not hold up the voice of others: its listener gets no frames
 * until relay_drained. */
void relay_check(struct ysf *ysf);
/* The send buffer of LISTENER has room again. */
void relay_drained(struct ysf *ysf, struct listener *listener);
/* Owed terminators, as far as they go without stalling. */
void relay_farewells(struct ysf *ysf);
void relay_add_farewell(struct ysf *ysf, const struct call *call);

/* ---- news.c: what the frames of a call tell ---- */
/* In the transaction that opened STREAM: what its header says. CSD is NULL when there was none. */
void news_begin(struct store_txn *txn, const struct stream_record *stream, const struct csd *csd);
/* A frame of CALL is on its way: what does it tell? */
void news_frame(struct ysf *ysf, struct call *call, const struct ring_entry *in,
		const struct fich *fich);
/* Tells what is not told yet, if the gate lets us. */
void news_tell(struct ysf *ysf, struct call *call);
/* The same inside TXN, before it closes the call. Returns how many things that were. */
unsigned news_write(struct store_txn *txn, const struct call *call);

/* ---- parrot.c: transmissions that are played back to their sender ---- */
/* With GO, after recover. */
void parrot_go(struct ysf *ysf);
void parrot_stop(struct ysf *ysf);
/* A frame of CALL, a call to the parrot. */
void parrot_record(struct ysf *ysf, struct call *call, const struct ring_entry *in);
/* The gateway CLIENT has opened STREAM: what else of it is recorded is not played any more. */
void parrot_opened(struct ysf *ysf, uint32_t client, uint32_t stream);
/* Every tick: recordings whose call is over are to be played. */
void parrot_tick(struct ysf *ysf);

/* ---- calls.c: streams ---- */
bool calls_open(struct ysf *ysf);
void calls_close(struct ysf *ysf);
/* The open call of GATEWAY, or NULL. */
struct call *calls_of(struct ysf *ysf, const struct gateway *gateway);
/* Notes a frame of CALL: watchdog, loss count. */
void calls_touch(struct ysf *ysf, struct call *call, uint8_t counter);
/* Did a predecessor note that frame? */
bool calls_touched(const struct ysf *ysf, const struct call *call, uint8_t counter);
/* Ends CALL in the store now, or as soon as the gate lets us: false. */
bool calls_end(struct ysf *ysf, struct call *call, enum event_reason reason);
/* Every tick: watchdog, transmission timeout, closes that had to wait. */
void calls_tick(struct ysf *ysf);
/* What all slots together know of CALL. */
void calls_totals(const struct ysf *ysf, const struct call *call, struct stream_totals *totals_r,
		  uint8_t *counter_r, bool *ours_r);
/* STREAM ended while nobody held the slot: what its carrier owes. */
void calls_missed(struct ysf *ysf, uint32_t stream, enum event_reason reason);
/* Mirror: the stream under KEY is RECORD (NULL: there is none, it ended for REASON). */
void calls_mirror(struct ysf *ysf, uint32_t key, const struct stream_record *record,
		  enum event_reason reason);

/* ---- follow.c: what others committed ---- */
/* Reads everything anew. */
enum store_error follow_rebuild(struct ysf *ysf);
/* Ends of calls after event SINCE that no holder of the slot has seen. */
void follow_missed(struct ysf *ysf, uint64_t since);
/* Catches up with the event log; cheap when nothing was committed. */
void follow(struct ysf *ysf);
/* Every tick: gives the store's pages that following a crowd has touched back, so that the memory
 * of a worker is that of its tables. */
void follow_forget_pages(struct ysf *ysf);

/* Logs and ends the worker: its tables would be wrong. */
void ysf_no_memory(struct ysf *ysf, const char *what);
/* Counts and logs a transaction that failed; ends the worker when the store is lost. */
void ysf_store_failed(struct ysf *ysf, enum store_error error, const char *what);

#endif
