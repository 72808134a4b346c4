/* SPDX-License-Identifier: ISC
 *
 * NAME      page - the block of shared memory that belongs to a slot
 * PURPOSE   Heartbeat, state word, counters, gauges and the clocks of streams: what others must be
 *           able to read of a process, and what must outlive it.
 * OWNER     made and held by the master; written by the slot's present holder alone; the others map
 *           it read-only
 * CONTRACT  one writer, relaxed atomics, no locks. A counter only grows, over respawns too.
 * LIMITS    PAGE_COUNTERS counters, PAGE_GAUGES gauges, PAGE_LANES_MAX lanes, fixed at creation
 */
#ifndef SHACKD_SHM_PAGE_H
#define SHACKD_SHM_PAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_MAGIC    0x53484b50U
#define PAGE_VERSION  2
#define PAGE_COUNTERS 256
#define PAGE_GAUGES   64
#define PAGE_LANES_MAX 10000 /* greatest limits.streams */

/* What the holder of a slot is doing: the watchdog's first clue. */
enum page_state {
	PAGE_EMPTY = 0,	   /* no process */
	PAGE_STARTING = 1, /* before READY */
	PAGE_READY = 2,	   /* able to serve, nothing read yet */
	PAGE_IDLE = 3,	   /* waiting for something to do */
	PAGE_BUSY = 4,	   /* at work */
	PAGE_LMDB_HOLD = 5, /* holds the gate of a store: stopped here, it stops every writer */
	PAGE_STOPPING = 6, /* asked to end */
};

enum page_counter {
#define COUNTER(number, id, name, labels, help) COUNT_##id = (number),
#include "shm/counters.def"
#undef COUNTER
};

enum page_gauge {
	GAUGE_CLIENTS = 0,  /* ysf: gateways in the worker's table */
	GAUGE_STREAMS = 1,  /* ysf: open streams it knows */
	GAUGE_HELD = 2,	    /* ysf: datagrams waiting for the gate */
	GAUGE_STORE_PAGES = 3, /* keeper: pages in use in the voice store */
	GAUGE_STORE_BYTES = 4, /* keeper: size of the voice store's file */
	GAUGE_EVENTS = 5,   /* keeper: events in the log */
	GAUGE_BLOCKS = 6,   /* keeper: blocks in force */
	GAUGE_RECEIVE_BUFFER = 7, /* ysf: smallest receive buffer granted, bytes */
	GAUGE_DATA_NAMES = 8,	   /* data: host names that are kept resolved */
	GAUGE_DATA_UNRESOLVED = 9, /* data: host names without an address */
	GAUGE_DATA_BAD_LINES = 10, /* data: bad lines in the lists in force */
	GAUGE_DATA_FAILING = 11,   /* data: list files that can't be read */
	GAUGE_SAVED = 12,	   /* keeper: saved DG-IDs */
	GAUGE_AWAY = 13,	   /* keeper: gateways that are not on their home DG-ID */
	GAUGE_STATIONS = 14,	   /* keeper: stations that sent their position */
	GAUGE_FEED_STATE = 30,	  /* feed: enum page_feed_state */
	GAUGE_FEED_QUEUE = 31,	  /* feed: spots in its ring */
	GAUGE_FEED_CAPACITY = 32, /* feed: room of its ring */
	GAUGE_SESSIONS = 24,	  /* vaulted kinds: connections it serves */
	GAUGE_USERS_MOST = 25,	  /* dxc: most users at a time that it knows of */
	GAUGE_FAN_GROUPS = 27,	  /* dxc: sessions of one group want the same */
	GAUGE_FAN_LAG = 28,	  /* dxc: spots that its slowest session is behind */
	GAUGE_SPOTS_PAGES = 40,	  /* keeper: pages in use in the spots store */
	GAUGE_SPOTS_BYTES = 41,	  /* keeper: size of the spots store's file */
	GAUGE_SPOTS = 42,	  /* keeper: spots in the log */
	GAUGE_LOGINS = 43,	  /* keeper: users logged in */
	GAUGE_USERS = 44,	  /* keeper: users in the durable store */
	GAUGE_HUMAN = 45,	  /* keeper: human spots in the durable store */
	GAUGE_YSF_TROUBLES = 33,  /* ysf: causes for which datagrams can't be sent at present */
	GAUGE_STATE_BYTES = 46,	  /* keeper: size of the durable store's file */
	GAUGE_STATE_TROUBLE = 47, /* keeper: enum page_state_trouble */
	GAUGE_CLOCK_DOUBTED = 48, /* keeper: seconds until the real clock is believed again */
	GAUGE_SPOT_WAITING = 36,  /* spot: spots in the rings of feeds */
	GAUGE_SPOT_MARKS = 37,	  /* spot: spots of skimmers that later ones are compared with */
	GAUGE_SPOT_TYPED = 38,	  /* spot: the same of people */
	GAUGE_SPOT_MODES = 39,	  /* spot: stations whose mode is known */
};

/* The per-frame facts of one stream as one slot saw them (no transaction per frame). A stream's
 * lane number is in its record; the newest word over all slots counts. */
struct page_lane {
	_Atomic uint64_t last; /* clock_mono of the last frame here; 0: none */
	_Atomic uint32_t stream; /* whose words these are */
	_Atomic uint32_t frames;
	_Atomic uint32_t lost;
	_Atomic uint32_t counter; /* frame counter of the last frame, 0..127 */
	uint64_t reserved;
};

#define PAGE_CRASH_FRAMES  32
#define PAGE_CRASH_MODULES 16

/* A file that was mapped as code: an address less `base` is what addr2line wants. */
struct page_module {
	uint64_t base, end;
	char name[24]; /* without folders */
};

/* What a dying holder wrote about its own death, from its signal handler: plain stores only. `done`
 * comes last; it is the generation of the one that wrote it. */
struct page_crash {
	_Atomic uint64_t done; /* 0: none yet */
	uint64_t when;	       /* clock_real */
	uint64_t address;      /* si_addr; 0 when the signal was sent */
	int32_t pid;
	int32_t signal;
	int32_t code;	/* si_code */
	int32_t sender; /* pid, when the signal was sent; else 0 */
	uint32_t doing; /* enum page_state */
	uint32_t frames;
	uint32_t walked; /* so many by frame pointers; the others lay on the stack and may be old */
	uint32_t modules;
	uint32_t build_length;
	uint8_t build[20];	      /* GNU build id of the executable */
	uint64_t frame[PAGE_CRASH_FRAMES]; /* return addresses; [0] is where it happened */
	struct page_module module[PAGE_CRASH_MODULES]; /* [0] is the executable */
};

#define PAGE_SPARE 32

/* What kinds keep in `spare`: words of the slot's own that outlive its holder. */
enum page_link {
	PAGE_LINK_STORE = 0,	/* identity of the store that the numbers below are of */
	PAGE_LINK_FEED = 1,	/* dashboards: last event told << 16 | subscribers that had the next */
	PAGE_LINK_APRS = 2,	/* last event that was looked at for a position */
	PAGE_LINK_LISTS = 3,	/* clock_mono at which the lists are due */
	PAGE_LINK_LOG = 4,	/* mmdvm log: which of the two notes below is valid */
	PAGE_LINK_NOTES = 5,	/* ... event, file, length of the file: three words each */
	PAGE_LINK_SENDING = 12, /* ... 27: two struct mmsghdr, for the kernel to note what it sent */
};

/* The same of a feed. */
enum page_feed {
	PAGE_FEED_LAST = 0,	/* clock_real of the last spot that it brought; 0: none yet */
	PAGE_FEED_RETRY = 1,	/* clock_mono from when on it may be dialled */
	PAGE_FEED_FAILURES = 2, /* in a row */
	PAGE_FEED_STORE = 3,	/* identity of the store that the next number is of */
	PAGE_FEED_FORWARD = 4,	/* number of the last spot that was looked at for feed.forward_dx */
	PAGE_FEED_NAME = 8,	/* ... 10: name of its section, NUL-padded */
};

/* What is wrong with the durable store, in GAUGE_STATE_TROUBLE. */
enum page_state_trouble {
	STATE_GOOD = 0,
	STATE_ASIDE = 1,    /* what was there could not be used; it was set aside, this one began empty */
	STATE_STAND_IN = 2, /* server.state_dir can't be used: it is kept in server.shm_dir */
	STATE_UNWRITTEN = 3, /* the disk does not take what should become durable */
};

/* What a feed is doing, in GAUGE_FEED_STATE. */
enum page_feed_state {
	FEED_OFF = 0,	     /* not enabled */
	FEED_RESOLVING = 1,  /* its host has no address yet */
	FEED_CONNECTING = 2,
	FEED_LOGIN = 3,	     /* connected; waits for a prompt, or for what follows the login */
	FEED_UP = 4,
	FEED_WAITING = 5,    /* until it may be dialled again */
	FEED_BROKEN = 6,     /* the same after many failures in a row */
	FEED_STATES
};

const char *page_feed_state_name(unsigned state); /* "up"; "?" */

struct page {
	uint32_t magic;
	uint32_t version;
	uint32_t lanes;
	uint32_t reserved;
	char slot[16];
	_Atomic uint64_t generation; /* of the holder; the master writes it before the fork */
	_Atomic uint64_t turns;	     /* heartbeat: grows with every turn of the loop */
	_Atomic uint64_t beat;	     /* clock_mono of the last turn */
	_Atomic uint64_t state_since; /* clock_mono of the last change of the state word */
	_Atomic uint32_t state;	     /* enum page_state */
	_Atomic int32_t pid;
	_Atomic uint64_t ready_ns; /* from fork to READY, measured by the master */
	_Atomic uint64_t forked;   /* clock_mono before the fork; written by the master */
	_Atomic uint64_t counter[PAGE_COUNTERS];
	_Atomic uint64_t gauge[PAGE_GAUGES];
	/* Deaths of holders that count as a try of what they were handling (fault signal, exit status,
	 * our watchdog); written by the master before the successor is forked. */
	_Atomic uint64_t faults;
	struct page_crash crash;
	uint64_t spare[PAGE_SPARE];
	struct page_lane lane[];
};

/* Makes the memfd of a slot (sealed against resizing) with LANES lanes and returns it, or -1 with
 * errno. */
int page_create(const char *slot, uint32_t lanes);

/* A second descriptor of the same memory that can't be mapped for writing. -1 with errno. */
int page_reopen_readonly(int fd);

/* Maps a page; checks magic, version and that the lanes fit the file. NULL with errno. */
struct page *page_map(int fd);
const struct page *page_map_readonly(int fd);
void page_unmap(const struct page **page);

static inline void page_count_by(struct page *page, enum page_counter which, uint64_t by)
{
	_Atomic uint64_t *word = &page->counter[which];

	/* one writer: a load and a store are enough, and cheaper than a locked add */
	atomic_store_explicit(word, atomic_load_explicit(word, memory_order_relaxed) + by,
			      memory_order_relaxed);
}

static inline void page_count(struct page *page, enum page_counter which)
{
	page_count_by(page, which, 1);
}

static inline void page_gauge(struct page *page, enum page_gauge which, uint64_t value)
{
	atomic_store_explicit(&page->gauge[which], value, memory_order_relaxed);
}

void page_set_state(struct page *page, enum page_state state);
const char *page_state_name(uint32_t state);

/* One turn of the loop. NOW is clock_mono. */
void page_beat(struct page *page, uint64_t now);

/* A frame of STREAM passed through this slot. COUNTER is the frame counter (0..127); MISSING how
 * many frames the counter says were lost before it. */
void page_lane_touch(struct page *page, uint32_t lane, uint32_t stream, uint64_t now,
		     uint32_t counter, uint32_t missing);

/* What the slot knows of STREAM in LANE; returns false when the lane belongs to another stream. */
struct page_lane_view {
	uint64_t last;
	uint32_t frames;
	uint32_t lost;
	uint32_t counter;
};
bool page_lane_read(const struct page *page, uint32_t lane, uint32_t stream,
		    struct page_lane_view *view_r);

/* The table behind the numbers, for metrics. NULL when no counter has that number. */
struct page_counter_info {
	unsigned number;
	const char *name;
	const char *labels;
	const char *help;
};
const struct page_counter_info *page_counter_table(size_t *count_r);

#endif
